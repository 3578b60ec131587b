import { LAYOUTS } from "../../kb/runner/codec.js";

console.log(JSON.stringify(LAYOUTS.trim().split("\n")));
