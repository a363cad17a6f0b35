export { type CheckedInput, checkInput, type InputFinding } from "./check-input.ts";
