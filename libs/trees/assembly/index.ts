// The kernels of @millrace/trees. Built to src/kernels/kernels.wasm by build-kernels.ts.
export { encode, transpose } from './encode';
export { add, clear, histogram, move, partition, subtract } from './histogram';
export { addLeaves, addTree, gradients, loss, quantise } from './objective';
export { scan } from './scan';
