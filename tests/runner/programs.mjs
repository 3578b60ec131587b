/** Programs on standard input; whether each is read, or what is wrong with it, on standard output. */

import { ProgramError, programFromFile, programFromJson } from "../../kb/runner/codec.js";
import { given } from "./given.mjs";

console.log(
  JSON.stringify(
    given.map((data) => {
      try {
        const program = "checksum" in Object(data) ? programFromFile(data) : programFromJson(data);
        return [program.id, program.state, program.standing.missing];
      } catch (error) {
        if (error instanceof ProgramError) return [error.place, error.problem];
        throw error;
      }
    }),
  ),
);
