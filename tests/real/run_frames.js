// A voice-activity model over frames, step by step, by another engine: what
// `state` does in a job.
// usage: node run_frames.js MODULES MODEL FRAMES WIDTH OUT STATE_SHAPE INPUT=OUTPUT...
// FRAMES: float32, three calls of equally many frames of WIDTH values each; OUT:
// float32, one value per frame.
const fs = require('fs');
const path = require('path');

const [modules, file, frames, widthText, out, shape, ...ties] = process.argv.slice(2);
const ort = require(path.join(modules, 'onnxruntime-node'));
const CALLS = 3;

(async () => {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  const bytes = fs.readFileSync(frames);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const width = Number(widthText);
  const count = all.length / width;
  const dims = shape.split('x').map(Number);
  const zeros = () => new ort.Tensor('float32',
    new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
  const sr = new ort.Tensor('int64', BigInt64Array.from([16000n]), []);
  const results = new Float32Array(count);
  let state = {};
  for (let i = 0; i < count; i++) {
    if (i % (count / CALLS) === 0) state = {};
    const feeds = { input: new ort.Tensor('float32', all.slice(i * width, (i + 1) * width), [1, width]), sr };
    for (const tie of ties) {
      const [input, output] = tie.split('=');
      feeds[input] = state[output] || zeros();
    }
    const made = await session.run(feeds);
    results[i] = made.output.data[0];
    for (const tie of ties) state[tie.split('=')[1]] = made[tie.split('=')[1]];
  }
  fs.writeFileSync(out, Buffer.from(results.buffer));
})().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
