// What a training step spends its time on, in AssemblyScript: four floats at a time, in an order that is the same on
// every machine. Lengths are multiples of 4.

/** out = matrix x */
export function forward(matrix: usize, x: usize, out: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    const from = matrix + 4 * row * columns;
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let at = 0;
    for (; at + 8 <= columns; at += 8) {
      a = f32x4.add(a, f32x4.mul(v128.load(from + 4 * at), v128.load(x + 4 * at)));
      b = f32x4.add(b, f32x4.mul(v128.load(from + 4 * at, 16), v128.load(x + 4 * at, 16)));
    }
    for (; at < columns; at += 4) a = f32x4.add(a, f32x4.mul(v128.load(from + 4 * at), v128.load(x + 4 * at)));
    store<f32>(out + 4 * row, sum(f32x4.add(a, b)));
  }
}

/** out = transposed matrix x gradient; rows whose gradient is 0 cost nothing. */
export function backward(matrix: usize, gradient: usize, out: usize, rows: i32, columns: i32): void {
  memory.fill(out, 0, 4 * columns);
  for (let row = 0; row < rows; row++) {
    const g = load<f32>(gradient + 4 * row);
    if (g != 0) add(out, matrix + 4 * row * columns, g, columns);
  }
}

/** Every row one step against its gradient, which is `gradient[row]` times x, at a rate that falls with the row's squares so far (Adagrad, one number a row). */
export function learn(matrix: usize, squares: usize, gradient: usize, x: usize, rows: i32, columns: i32, rate: f32): void {
  const mean = square(x, columns) / <f32>columns;
  for (let row = 0; row < rows; row++) {
    const g = load<f32>(gradient + 4 * row);
    if (g == 0) continue;
    const seen = load<f32>(squares + 4 * row) + g * g * mean;
    store<f32>(squares + 4 * row, seen);
    add(matrix + 4 * row * columns, x, (-rate * g) / sqrt(seen + 1e-8), columns);
  }
}

/** The same for one row whose gradient is a vector. */
export function learnRow(row: usize, squares: usize, gradient: usize, columns: i32, rate: f32): void {
  const seen = load<f32>(squares) + square(gradient, columns) / <f32>columns;
  store<f32>(squares, seen);
  add(row, gradient, -rate / sqrt(seen + 1e-8), columns);
}

/** out += scale x from */
export function add(out: usize, from: usize, scale: f32, length: i32): void {
  const scales = f32x4.splat(scale);
  for (let at = 0; at < length; at += 4)
    v128.store(out + 4 * at, f32x4.add(v128.load(out + 4 * at), f32x4.mul(scales, v128.load(from + 4 * at))));
}

function square(x: usize, length: i32): f32 {
  let squares = f32x4.splat(0);
  for (let at = 0; at < length; at += 4)
    squares = f32x4.add(squares, f32x4.mul(v128.load(x + 4 * at), v128.load(x + 4 * at)));
  return sum(squares);
}

function sum(four: v128): f32 {
  return (
    f32x4.extract_lane(four, 0) +
    f32x4.extract_lane(four, 1) +
    (f32x4.extract_lane(four, 2) + f32x4.extract_lane(four, 3))
  );
}
