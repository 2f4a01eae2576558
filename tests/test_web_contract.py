"""The API keeps to its OpenAPI document, whatever is sent."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from inkdigits.web import Settings, api, create_app
from inkdigits.web.corrections import api as corrections_api

OPERATIONS = [
    (endpoint.method, endpoint.path.replace("<string(length=32):key>", "{key}"))
    for endpoint in (*api.ENDPOINTS, *corrections_api.ENDPOINTS)
]
EXAMPLES = 8  # for each operation and each way: right requests, and wrong ones


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    database = tmp_path_factory.mktemp("contract") / "corrections.sqlite"
    app = create_app(Settings(corrections=f"sqlite:///{database}"))
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


def test_the_document_has_every_operation(document):
    described = [
        (found.ok().method.upper(), found.ok().path) for found in document.get_all_operations()
    ]
    assert sorted(described) == sorted(OPERATIONS)


def check_operation(operation, mode, excluded=()):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,  # each run sends the same requests
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case):
        response = case.call()
        case.validate_response(response, excluded_checks=list(excluded))
        assert response.status_code < 500

    check()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_right_requests_are_answered_as_the_document_says(document, method, path):
    """A schema can't say what a picture or an array is, so bodies that are none may be refused."""
    excluded = [positive_data_acceptance] if method == "POST" else []
    check_operation(document[path][method], GenerationMode.POSITIVE, excluded)


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p in OPERATIONS if "z" not in p])
def test_wrong_requests_are_refused_with_a_problem(document, method, path):
    operation = document[path][method]
    if operation.body or operation.query or operation.path_parameters:
        check_operation(operation, GenerationMode.NEGATIVE)
