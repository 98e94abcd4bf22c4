import { expect, test } from "vitest";
import { withBuildVariables } from "./build-variables.ts";

const generated = `# Made by Fairlead.
FROM node:24-slim AS builder
COPY . .
RUN cd app && npm ci \\
    && npm run build

FROM node:24-slim
RUN useradd app
CMD ["node"]
`;

test("stages that build get plain variables as arguments and secret ones for each command; the one that runs gets none", () => {
  expect(withBuildVariables(generated, { plain: ["A", "B"], secret: ["T", "U"] })).toBe(`# Made by Fairlead.
FROM node:24-slim AS builder
ARG A
ARG B
COPY . .
RUN --mount=type=secret,id=T --mount=type=secret,id=U export T="$(cat /run/secrets/T)" && export U="$(cat /run/secrets/U)" && cd app && npm ci \\
    && npm run build

FROM node:24-slim
RUN useradd app
CMD ["node"]
`);
});

test("without variables nothing changes", () => {
  expect(withBuildVariables(generated, { plain: [], secret: [] })).toBe(generated);
});
