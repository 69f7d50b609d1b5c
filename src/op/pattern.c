#include "op/pattern.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Where the text begins and ends, whatever lines it has.
#define BEGIN "\\`"
#define END "\\'"

// RE2 allows so many repetitions of a thing, those around it included; it also
// keeps the C library, which copies what is repeated, from running away.
enum { MOST_REPETITIONS = 1000, MOST_DEPTH = 64 };

// A pattern on its way: what is left of it, and what has been written.
typedef struct translation {
  const char *whole, *rest;
  char *to;                   // the end of what has been written
  int depth;                  // groups that are open
  int inside[MOST_DEPTH + 1]; // most repetitions in each of them so far
  int last;                   // and in the thing that was read last
  bool repeatable;            // the thing that was read last
} translation;

static void put(translation *t, const char *text) {
  const size_t length = strlen(text);
  memcpy(t->to, text, length + 1);
  t->to += length;
}

static void put_char(translation *t, char c) {
  const char text[] = {c, '\0'};
  put(t, text);
}

static esp_status refuse(const translation *t, const char *what) {
  return ESP_FAIL(ESP_UNSUPPORTED,
                  "pattern \"%s\": %s at \"%.8s\" has no POSIX counterpart",
                  t->whole, what, t->rest);
}

static esp_status blame(const translation *t, const char *what) {
  return ESP_FAIL(ESP_BAD_INPUT, "pattern \"%s\": %s at \"%.8s\"", t->whole,
                  what, t->rest);
}

// What \d, \s and \w (which RE2 takes as ASCII) are inside of brackets.
static const char *class_of(char letter) {
  switch (letter) {
  case 'd':
  case 'D':
    return "0-9";
  case 's':
  case 'S':
    return "\t\n\f\r ";
  case 'w':
  case 'W':
    return "0-9A-Za-z_";
  default:
    return NULL;
  }
}

// The character that an escape stands for; '\0': it is none of these.
static char escaped(char letter) {
  static const char letters[] = "afnrtv", meant[] = "\a\f\n\r\t\v";
  const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
  if (found != NULL) return meant[found - letters];
  return ispunct((unsigned char)letter) ? letter : '\0';
}

static void put_literal(translation *t, char c) {
  if (c != '\0' && strchr("\\^$.[|()?*+{", c) != NULL) put_char(t, '\\');
  put_char(t, c);
}

// Brackets, with what POSIX takes literally only in certain places kept aside.
typedef struct brackets {
  bool negated, close, open, caret, dash;
  char *body; // where it begins
} brackets;

static void put_member(translation *t, brackets *b, char c) {
  switch (c) {
  case ']':
    b->close = true;
    break;
  case '[':
    b->open = true;
    break;
  case '^':
    b->caret = true;
    break;
  case '-':
    b->dash = true;
    break;
  default:
    put_char(t, c);
  }
}

// One character of brackets, which may be escaped.
static esp_status read_member(translation *t, char *c) {
  *c = t->rest[0];
  if (*c == '\\') {
    *c = escaped(t->rest[1]);
    if (*c == '\0') return refuse(t, "the escape");
    t->rest++;
  }
  if (*c == '\0') {
    return ESP_FAIL(ESP_BAD_INPUT, "pattern \"%s\": [ without ]", t->whole);
  }
  t->rest++;
  return ESP_OK;
}

// RE2's classes are ASCII's, whatever the locale says of other letters.
static const char *named_class(const char *name, size_t length) {
  static const struct {
    const char *name, *members;
  } classes[] = {{"alnum", "0-9A-Za-z"},     {"alpha", "A-Za-z"},
                 {"ascii", "\x01-\x7f"},     {"blank", "\t "},
                 {"cntrl", "\x01-\x1f\x7f"}, {"digit", "0-9"},
                 {"graph", "!-~"},           {"lower", "a-z"},
                 {"print", " -~"},           {"punct", "!-/:-@\\_`{-~"},
                 {"space", "\t-\r "},        {"upper", "A-Z"},
                 {"word", "0-9A-Za-z_"},     {"xdigit", "0-9A-Fa-f"}};
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
    if (strlen(classes[i].name) == length &&
        strncmp(classes[i].name, name, length) == 0) {
      return classes[i].members;
    }
  }
  return NULL;
}

static esp_status put_named_class(translation *t, brackets *b,
                                  const char *end) {
  const char *name = t->rest + 2;
  if (name[0] == '^') return refuse(t, "the negated class");
  const char *members = named_class(name, (size_t)(end - name));
  if (members == NULL) return blame(t, "there is no such class");
  put(t, members);
  if (strncmp(name, "punct", 5) == 0) b->open = b->close = b->caret = true;
  t->rest = end + 2;
  return ESP_OK;
}

// [:alpha:] and so on, or \d and so on; *done: there was one.
static esp_status read_class(translation *t, brackets *b, bool *done) {
  *done = true;
  const char *end =
      strncmp(t->rest, "[:", 2) == 0 ? strstr(t->rest, ":]") : NULL;
  if (end != NULL) return put_named_class(t, b, end);
  const char *class = t->rest[0] == '\\' ? class_of(t->rest[1]) : NULL;
  if (class == NULL) {
    *done = false;
    return ESP_OK;
  }
  if (isupper((unsigned char)t->rest[1])) {
    return refuse(t, "the negated class in brackets");
  }
  put(t, class);
  t->rest += 2;
  return ESP_OK;
}

static esp_status read_range(translation *t, brackets *b) {
  char first, last;
  ESP_TRY(read_member(t, &first));
  if (t->rest[0] != '-' || t->rest[1] == ']' || t->rest[1] == '\0') {
    put_member(t, b, first);
    return ESP_OK;
  }
  t->rest++;
  ESP_TRY(read_member(t, &last));
  if (strchr("[]^-", first) != NULL || strchr("[]^-", last) != NULL) {
    return refuse(t, "a range of brackets, ^ or - that ends");
  }
  if (!isascii((unsigned char)first) || !isascii((unsigned char)last)) {
    return refuse(t, "a range of letters beyond ASCII");
  }
  put_char(t, first);
  put_char(t, '-');
  put_char(t, last);
  return ESP_OK;
}

// Writes what was kept aside, where it is literal.
static void close_brackets(translation *t, const brackets *b) {
  const bool only_caret = b->caret && !b->negated && !b->close && !b->open &&
                          !b->dash && t->to == b->body;
  if (only_caret) { // [^] would begin a negation
    t->to = b->body - 1;
    put(t, "\\^");
    return;
  }
  if (b->close) { // has to come first
    memmove(b->body + 1, b->body, (size_t)(t->to - b->body) + 1);
    b->body[0] = ']';
    t->to++;
  }
  if (b->open) put_char(t, '[');
  if (b->caret) put_char(t, '^');
  if (b->dash) put_char(t, '-');
  put_char(t, ']');
}

static esp_status translate_brackets(translation *t) {
  brackets b = {0};
  t->rest++;
  put_char(t, '[');
  b.negated = t->rest[0] == '^';
  if (b.negated) {
    put_char(t, '^');
    t->rest++;
  }
  b.body = t->to;
  for (bool first = true; first || t->rest[0] != ']'; first = false) {
    bool done;
    ESP_TRY(read_class(t, &b, &done));
    if (!done) ESP_TRY(read_range(t, &b));
  }
  t->rest++;
  // A caret of its own must not come first: with others it comes after them.
  if (b.caret && !b.close && !b.negated && t->to == b.body &&
      (b.open || b.dash)) {
    put(t, b.open ? "[" : "-");
    b.dash = b.dash && b.open;
    b.open = false;
  }
  close_brackets(t, &b);
  return ESP_OK;
}

static esp_status translate_escape(translation *t) {
  const char letter = t->rest[1];
  const char *class = class_of(letter);
  if (class != NULL) {
    put(t, isupper((unsigned char)letter) ? "[^" : "[");
    put(t, class);
    put(t, "]");
  } else {
    const char meant = escaped(letter);
    if (meant == '\0') return refuse(t, "the escape");
    put_literal(t, meant);
  }
  t->rest += 2;
  return ESP_OK;
}

static esp_status open_group(translation *t) {
  if (t->depth == MOST_DEPTH) return refuse(t, "a group that deep");
  t->inside[++t->depth] = 1;
  put_char(t, '(');
  if (t->rest[1] != '?') {
    t->rest++;
    return ESP_OK;
  }
  if (t->rest[2] != ':') return refuse(t, "the group");
  t->rest += 3;
  return ESP_OK;
}

static esp_status close_group(translation *t) {
  if (t->depth == 0) {
    return blame(t, ") without (");
  }
  t->last = t->inside[t->depth--];
  if (t->last > t->inside[t->depth]) t->inside[t->depth] = t->last;
  put_char(t, *t->rest++);
  return ESP_OK;
}

// {n}, {n,} or {n,m}: its length; 0: a brace that stands for itself.
static size_t repetition_length(const char *text) {
  size_t length = 1 + strspn(text + 1, "0123456789");
  if (length == 1) return 0;
  if (text[length] == ',')
    length += 1 + strspn(text + length + 1, "0123456789");
  return text[length] == '}' ? length + 1 : 0;
}

// Counts the repetitions of braces in; `braces` is well formed.
static esp_status count_repetitions(translation *t, const char *braces) {
  char *end;
  long most = strtol(braces + 1, &end, 10);
  if (*end == ',' && end[1] != '}') {
    const long other = strtol(end + 1, NULL, 10);
    if (other > most) most = other;
  }
  if (most > MOST_REPETITIONS / t->last) {
    return ESP_FAIL(ESP_BAD_INPUT,
                    "pattern \"%s\": more than %d repetitions at \"%.16s\"",
                    t->whole, MOST_REPETITIONS, braces);
  }
  if (most > 1) t->last *= (int)most;
  if (t->last > t->inside[t->depth]) t->inside[t->depth] = t->last;
  return ESP_OK;
}

// Whether few or many are preferred does not matter where all must match.
static esp_status translate_repetition(translation *t) {
  size_t length = 1;
  if (t->rest[0] == '{') {
    length = repetition_length(t->rest);
    if (length == 0) {
      put_literal(t, *t->rest++);
      t->last = 1;
      t->repeatable = true;
      return ESP_OK;
    }
    ESP_TRY(count_repetitions(t, t->rest));
  }
  if (!t->repeatable) return blame(t, "nothing to repeat");
  t->repeatable = false;
  while (length-- > 0) put_char(t, *t->rest++);
  if (t->rest[0] == '?') t->rest++;
  return ESP_OK;
}

static esp_status translate_next(translation *t) {
  if (strchr("*+?{", t->rest[0]) == NULL) {
    t->repeatable = strchr("(|", t->rest[0]) == NULL;
    if (t->rest[0] != ')') t->last = 1;
  }
  switch (t->rest[0]) {
  case '\\':
    return translate_escape(t);
  case '[':
    return translate_brackets(t);
  case '(':
    return open_group(t);
  case '^': // a plain ^ would also match after the end of a line
    put(t, BEGIN);
    t->rest++;
    return ESP_OK;
  case '$':
    put(t, END);
    t->rest++;
    return ESP_OK;
  case '.': // RE2's does not match the end of a line
    put(t, "[^\n]");
    t->rest++;
    return ESP_OK;
  case '*':
  case '+':
  case '?':
  case '{':
    return translate_repetition(t);
  case ')':
    return close_group(t);
  default:
    put_char(t, *t->rest++);
    return ESP_OK;
  }
}

esp_status esp_pattern_translate(const char *pattern, char **posix) {
  enum { MOST = 8 }; // one character becomes at most so many
  char *text = malloc(strlen(pattern) * MOST + sizeof BEGIN "()" END);
  if (text == NULL) return ESP_FAIL(ESP_NO_MEMORY, "cannot read a pattern");
  translation t = {
      .whole = pattern, .rest = pattern, .to = text, .inside = {1}, .last = 1};
  esp_status status = ESP_OK;
  put(&t, BEGIN "(");
  while (status == ESP_OK && t.rest[0] != '\0') status = translate_next(&t);
  put(&t, ")" END);
  if (status != ESP_OK) {
    free(text);
    return status;
  }
  *posix = text;
  return ESP_OK;
}

// What may stand behind a backslash and means the same to both: RE2 has no
// references back, and PCRE2 takes \\v as a class and \\C as half a letter.
static const char escapes[] = "aftnrdDsSwWpPbBAzQExX0";

// The length of a group's opening after "(", which both have; 0: there is none.
static size_t opening(const char *at) {
  if (at[0] != '?') return 1;
  if (at[1] == ':') return 2;
  if (at[1] == 'P' && at[2] == '<') return 3;
  const size_t flags = strspn(at + 1, "imsU-");
  const char end = at[1 + flags];
  return flags > 0 && (end == ':' || end == ')') ? flags + 2 : 0;
}

static esp_status not_of_re2(const char *pattern, const char *at) {
  return ESP_FAIL(ESP_BAD_INPUT,
                  "pattern \"%s\": \"%.4s\" is not in RE2's syntax", pattern,
                  at);
}

esp_status esp_pattern_check(const char *pattern, bool *lines) {
  *lines = false;
  bool inside = false;
  for (const char *c = pattern; *c != '\0'; c++) {
    if (*c == '\\') {
      const char next = c[1];
      const bool letter = (next >= '0' && next <= '9') ||
                          (next >= 'a' && next <= 'z') ||
                          (next >= 'A' && next <= 'Z');
      if (next == '\0' || next == 'X' ||
          (letter && strchr(escapes, next) == NULL)) {
        return not_of_re2(pattern, c);
      }
      const char *quoted = next == 'Q' ? strstr(c, "\\E") : NULL;
      if (next == 'Q' && quoted == NULL) break; // to the end
      c = quoted != NULL ? quoted + 1 : c + 1;
    } else if (inside) {
      if (*c == '[' && c[1] == ':' && strstr(c + 2, ":]") != NULL) {
        c = strstr(c + 2, ":]") + 1;
      } else if (*c == ']') {
        inside = false;
      }
    } else if (*c == '[') {
      inside = true;
      if (c[1] == '^') c++;
      if (c[1] == ']') c++; // is literal
    } else if (*c == '(') {
      const size_t length = opening(c + 1);
      if (c[1] == '*' || length == 0) return not_of_re2(pattern, c);
      *lines = *lines || (length > 1 && memchr(c, 'm', length) != NULL);
    } else if (*c == '+' && c > pattern && strchr("+*?}", c[-1]) != NULL &&
               (c - 1 == pattern || c[-2] != '\\')) {
      return not_of_re2(pattern, c - 1);
    }
  }
  return ESP_OK;
}
