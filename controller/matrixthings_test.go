package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// target makes the thing that an operation of the matrix acts on and returns
// the path to it.
func (b *bed) target(t *testing.T, name string, ep elevation.EndpointID, n int) string {
	t.Helper()
	_, path, _ := strings.Cut(name, " ")
	path = strings.NewReplacer("{name}", "waiting-times", "{event}", "1").Replace(path)
	if !strings.Contains(path, "{id}") {
		return path
	}
	ctx := t.Context()
	id := ""
	switch {
	case strings.Contains(path, "/requests/"):
		id = b.ask(b.endpoint(fmt.Sprintf("m-%d", n), nil), "eve", "a")
		if strings.HasSuffix(path, "revoke") {
			must[client.Request](t)(b.admin.Act(ctx, id, "approve", client.Answer{}))
		}
	case strings.Contains(path, "/endpoints/"):
		id = string(ep)
		if strings.HasPrefix(name, "DELETE") {
			id = string(b.endpoint(fmt.Sprintf("d-%d", n), nil))
		}
	case strings.Contains(path, "/enrollment-tokens/"):
		id = must[client.EnrollToken](t)(client.Post[client.EnrollToken](ctx, b.admin, "/enrollment-tokens", client.NewEnrollToken{})).ID
	case strings.Contains(path, "/tokens/"):
		id = must[client.Token](t)(client.Post[client.Token](ctx, b.admin, "/tokens", client.NewToken{Name: "x"})).ID
	case strings.Contains(path, "/users/"):
		id = must[client.User](t)(client.Post[client.User](ctx, b.admin, "/users", client.NewUser{Login: fmt.Sprintf("u%d", n)})).ID
	case strings.Contains(path, "/rules/"):
		id = "x"
	}
	return strings.Replace(path, "{id}", id, 1)
}

// bodyFor is a body that works, for operations whose example does not.
func bodyFor(name string, n int, example []byte) []byte {
	switch name {
	case "POST /api/v1/users":
		return fmt.Appendf(nil, `{"login":"n%d"}`, n)
	case "POST /api/v1/tokens", "POST /api/v1/enrollment-tokens":
		if strings.Contains(name, "enrollment") {
			return []byte(`{}`)
		}
		return []byte(`{"name":"x"}`)
	case "PUT /api/v1/users/{id}":
		return []byte(`{"name":"New name"}`)
	case "POST /api/v1/rules/apply":
		return []byte(`{"yaml":"rules:\n  - name: x\n    match: {path: /usr/bin/x, args: []}\n    then: approve\n"}`)
	case "POST /api/v1/rules/evaluate":
		return []byte(`{"attempt":{"path":"/usr/bin/x"}}`)
	case "POST /api/v1/requests/batch":
		return []byte(`{"action":"approve","ids":["req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"]}`)
	}
	if strings.Contains(name, "/requests/{id}/") {
		return []byte(`{}`)
	}
	return example
}
