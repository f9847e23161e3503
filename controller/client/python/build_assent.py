"""Builds the package for pip (PEP 517) with nothing but the standard library."""

import base64
import hashlib
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
VERSION = "1.0.0"
NAME = "assent_sdk-" + VERSION
METADATA = """Metadata-Version: 2.1
Name: assent-sdk
Version: {version}
Summary: Client of Assent: requests for administrator rights, their answers, rules, alerts and the audit log
License: Apache-2.0
Requires-Python: >=3.9
Description-Content-Type: text/markdown

{readme}"""
WHEEL = "Wheel-Version: 1.0\nGenerator: build_assent\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _metadata() -> str:
    return METADATA.format(version=VERSION, readme=(HERE / "README.md").read_text(encoding="utf-8"))


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    files = {"assent/" + p.name: p.read_bytes() for p in sorted((HERE / "assent").iterdir()) if p.suffix == ".py" or p.name == "py.typed"}
    info = NAME + ".dist-info/"
    files[info + "METADATA"] = _metadata().encode()
    files[info + "WHEEL"] = WHEEL.encode()
    record = ""
    for name, body in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        record += "{},sha256={},{}\n".format(name, digest, len(body))
    files[info + "RECORD"] = (record + info + "RECORD,,\n").encode()
    made = NAME + "-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / made, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, body in files.items():
            wheel.writestr(name, body)
    return made


def build_sdist(sdist_directory, config_settings=None):
    made = NAME + ".tar.gz"
    info = HERE / "PKG-INFO"
    info.write_text(_metadata(), encoding="utf-8")
    try:
        with tarfile.open(Path(sdist_directory) / made, "w:gz") as out:
            for name in ("PKG-INFO", "README.md", "pyproject.toml", "build_assent.py", "assent"):
                out.add(HERE / name, NAME + "/" + name, filter=lambda member: None if "__pycache__" in member.name else member)
    finally:
        info.unlink()
    return made
