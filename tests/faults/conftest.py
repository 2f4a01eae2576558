import multiprocessing

import pytest


@pytest.fixture(scope="session")
def in_child():
    """Call a function in a process of its own; its exit code, −9 if it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.training"])  # PyTorch is imported once

    def call(function, *arguments) -> int:
        child = context.Process(target=function, args=arguments)
        child.start()
        child.join(timeout=120)
        assert child.exitcode is not None, "it hangs"
        return child.exitcode

    return call
