export { checkInput, type InputFinding } from "./check-input.ts";
