// What JSX becomes: webbuild puts these two names where an element is written. No
// other thing may have them, also no parameter: the inner one would be taken.
export { h as jsxElement, Fragment as jsxFragment } from "preact";
