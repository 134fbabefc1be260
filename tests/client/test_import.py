"""What a program pays that only asks a server."""

import subprocess
import sys


def test_importing_the_client_imports_no_torch() -> None:
    heavy = "{'torch', 'tokenizers', 'transformers', 'openvino', 'onnxruntime', 'fastapi', 'pydantic'}"
    code = f"import encodery.client, sys; print(sorted({heavy} & set(sys.modules)))"
    assert _printed(code) == "[]\n"


def test_a_record_is_no_list_of_its_keys() -> None:
    code = (
        "from encodery.client import Client\ntry: Client().classify({'text': 'one'})\nexcept Exception as e: print(e)"
    )
    assert _printed(code) == "records = {'text': 'one'}: a list of texts or records is needed, [...] around one\n"


def _printed(code: str) -> str:
    """By a Python without the type checks of the tests, which would be first to complain."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
