package controller

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
)

// The list of endpoints is narrowed by what the console narrows it by.
func TestEndpointsAreNarrowed(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	b.agent("web-1", map[string]string{"role": "web", "ring": "1"})
	b.endpoint("web-2", map[string]string{"role": "web"})
	away := b.endpoint("db-1", map[string]string{"role": "db"})
	if err := b.admin.Call(ctx, http.MethodPost, "/endpoints/"+string(away)+"/lock", nil, client.Why{Comment: "it is lost"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.admin.Call(ctx, http.MethodPut, "/policies", nil,
		client.PutPolicies{Items: []client.Policy{{Name: "first", Labels: map[string]string{"ring": "1"}, Mode: "observe"}}}, nil); err != nil {
		t.Fatal(err)
	}
	names := func(query string) string {
		t.Helper()
		q := must[url.Values](t)(url.ParseQuery(query))
		list := must[client.List[client.Endpoint]](t)(client.Get[client.List[client.Endpoint]](ctx, b.admin, "/endpoints", q))
		var out []string
		for _, e := range list.Items {
			out = append(out, e.Name)
		}
		if list.Total != int64(len(out)) {
			t.Errorf("%s: %d of %d", query, len(out), list.Total)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for query, want := range map[string]string{
		"": "db-1 web-1 web-2", "labels=role%3Dweb": "web-1 web-2", "labels=role%3Dweb,ring%3D1": "web-1", "labels=role%3Dnone": "",
		"mode=observe": "web-1", "mode=ask": "db-1 web-2", "state=online": "", "state=away": "db-1 web-1 web-2", "state=old": "db-1 web-1 web-2", "state=locked": "db-1",
		"state=quarantined": "", "state=paused": "", "q=web&state=away": "web-1 web-2",
	} {
		if got := names(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if _, err := client.Get[client.List[client.Endpoint]](ctx, b.admin, "/endpoints", url.Values{"labels": {"role"}}); codeOf(err) != "invalid" {
		t.Errorf("labels that are none: %v", err)
	}
}

// One endpoint says which labels were given to it, what its agent can do and
// what it was sent, and nothing of the clock of one that is away; a token where it enrols.
func TestWhatAnEndpointIsLike(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	id := b.agent("web-1", map[string]string{"role": "web"})
	if err := b.admin.Call(ctx, http.MethodPut, "/policies", nil, client.PutPolicies{Items: []client.Policy{{Name: "all", Mode: "ask"}}}, nil); err != nil {
		t.Fatal(err)
	}
	e := b.modeOf(id)
	if e.GivenLabels["role"] != "web" || e.PolicyVersion == nil || *e.PolicyVersion < 1 || !slices.Equal(e.Capabilities, []string{"run", "observe"}) || e.ClockOffMS != nil {
		t.Errorf("%+v", e)
	}
	tok := must[client.EnrollToken](t)(client.Post[client.EnrollToken](ctx, b.admin, "/enrollment-tokens", client.NewEnrollToken{}))
	if !strings.HasPrefix(tok.Controller, "https://localhost:") {
		t.Errorf("endpoints enrol at %q", tok.Controller)
	}
}

// Two people change the policies at once: the second one is told, and nothing of
// the first one is lost.
func TestPoliciesChangedByTwo(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	put := func(over int64, name string) (client.Policies, error) {
		var out client.Policies
		err := b.admin.Call(ctx, http.MethodPut, "/policies", nil, client.PutPolicies{Version: &over, Items: []client.Policy{{Name: name}}}, &out)
		return out, err
	}
	first := must[client.Policies](t)(put(0, "first"))
	if _, err := put(0, "second"); codeOf(err) != "conflict" {
		t.Errorf("over an old list: %v", err)
	}
	now := must[client.Policies](t)(client.Get[client.Policies](ctx, b.admin, "/policies", nil))
	if now.Version != first.Version || now.Items[0].Name != "first" {
		t.Errorf("%+v", now)
	}
	if _, err := put(now.Version, "second"); err != nil {
		t.Error(err)
	}
}
