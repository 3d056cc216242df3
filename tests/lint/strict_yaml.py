# SPDX-License-Identifier: Apache-2.0
"""YAML read as strictly as its readers do: one document, no key twice."""

import yaml


class StrictLoader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: key {key} twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(text):
    """The value; raises yaml.YAMLError, which says where."""
    return yaml.load(text, StrictLoader)
