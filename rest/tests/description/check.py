"""Whether the description of a server's Admin API is OpenAPI 3.1: python check.py http://localhost:8080/admin/openapi.json"""

import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

with urllib.request.urlopen(sys.argv[1], timeout=60) as answer:
    document = json.load(answer)
faults = list(OpenAPIV31SpecValidator(document).iter_errors())
for fault in faults[:20]:
    print("/".join(map(str, fault.absolute_path)), fault.message[:300])
operations = sum(len(item.keys() - {"parameters"}) for item in document["paths"].values())
print(f"{operations} operations, {len(document['components']['schemas'])} schemas, {len(faults)} faults")
sys.exit(1 if faults or not operations else 0)
