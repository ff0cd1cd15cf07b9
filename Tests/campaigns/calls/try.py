import sys, os, warnings
import numpy as np
np.seterr(all="ignore")
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../bindings/python"))
from hypothesis import settings, HealthCheck, seed, Verbosity
from hypothesis.stateful import run_state_machine_as_test
import c_api
c_api.load_plugin()
from c_fitting import CMachine
from recorder import Recorder
CMachine.recorder = Recorder("/tmp/calls-flight.txt")
n = int(sys.argv[1]); s = int(sys.argv[2])
import time
t=time.time()
try:
    run_state_machine_as_test(seed(s)(CMachine), settings=settings(max_examples=n, deadline=None, database=None, stateful_step_count=40, suppress_health_check=list(HealthCheck), report_multiple_bugs=False))
    print("ok")
except BaseException as e:
    import traceback
    if "-v" in sys.argv: traceback.print_exc()
    print(CMachine.recorder.program)
    print(type(e).__name__, e)
print(CMachine.recorder.programs, "programs", CMachine.recorder.calls, "calls", time.time()-t, "s")
