// What other parts of the console say about requests.
export { accessName, cautionNames, outcome, priorityName, stateNames } from "./words";
export { Steps } from "./facts";
