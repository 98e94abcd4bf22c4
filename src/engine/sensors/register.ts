import type { EnvKey } from "../../model/environment.ts";
import type { Sensed } from "../../plan/plan.ts";
import type { LogIngest } from "../ingest.ts";
import { AnswerSensor } from "./answers.ts";
import { MemorySensor } from "./memory.ts";
import { ProbeSensor } from "./probes.ts";
import type { Sensor, SensorDeps } from "./sensor.ts";
import { WrittenSensor } from "./written.ts";

type Register = { readonly [Name in keyof Sensed]: Sensor<Sensed[Name]> };

/** All sensors, by the member of a snapshot that they provide. */
export function openSensors(deps: SensorDeps, ingest: LogIngest) {
  return {
    probes: new ProbeSensor(deps),
    answers: new AnswerSensor(deps),
    errorLines: ingest,
    memory: new MemorySensor(deps),
    written: new WrittenSensor(deps),
  } satisfies Register;
}

/** The readings of all sensors of an environment. */
export function readSensors(sensors: Register, key: EnvKey): Sensed {
  const readings = Object.entries(sensors).map(([name, sensor]) => [name, sensor.read(key)] as const);
  return Object.fromEntries(readings) as unknown as Sensed;
}
