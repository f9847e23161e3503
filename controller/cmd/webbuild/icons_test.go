package main

import "testing"

// The shapes of an icon are its own and nothing else; what is not known is no icon.
func TestShapes(t *testing.T) {
	got, err := shapes("const User = [\n  [\"path\", { d: \"M1 2\" }],\n  [\n    \"circle\",\n    {\n      cx: \"12\", \"stroke-width\": \"3\"\n    }\n  ]\n];\nexport { User as default };")
	if want := `<path d="M1 2"/><circle cx="12" stroke-width="3"/>`; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, module := range []string{"", `export default [["script", { src: "x" }]];`, "[[\"path\", {}"} {
		if got, err := shapes(module); err == nil {
			t.Errorf("%q is %q", module, got)
		}
	}
}
