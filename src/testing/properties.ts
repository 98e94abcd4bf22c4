import fc from "fast-check";

/**
 * The same values in every run, so that nobody's run fails for what somebody else's did not see. FAIRLEAD_TEST_SEED, any
 * number, tries others.
 */
fc.configureGlobal({ seed: Number(process.env.FAIRLEAD_TEST_SEED ?? 1) });

export default fc;
