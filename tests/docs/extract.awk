# Writes the number-th program of a Markdown file, and what it prints, to
# folder/main.c and folder/expected.txt.
/^```/ {
  if (inside) { # the block ends
    if (inside == "c" && block ~ /\nint main\(/ && ++programs == number) {
      printf "%s", block > (folder "/main.c")
      awaited = 1
    } else if (inside == "text" && awaited) {
      printf "%s", block > (folder "/expected.txt")
      done = 1
      exit
    }
    inside = ""
  } else {
    inside = $0 == "```" ? "plain" : substr($0, 4)
    block = ""
  }
  next
}
inside { block = block $0 "\n" }
END {
  if (!done) {
    print "no program " number " with its output" > "/dev/stderr"
    exit 1
  }
}
