package controller

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
)

func TestPeopleAndTokens(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	bo := b.person("bo", nil, "approver")
	if _, err := client.Post[client.User](ctx, b.admin, "/users", client.NewUser{Login: "BO"}); codeOf(err) != "conflict" {
		t.Errorf("a login twice: %v", err)
	}
	if _, err := client.Post[client.Token](ctx, bo, "/tokens", client.NewToken{Name: "more"}); codeOf(err) != "forbidden" {
		t.Errorf("a token makes a token: %v", err)
	}
	tok := must[client.Token](t)(client.Post[client.Token](ctx, b.admin, "/tokens", client.NewToken{Name: "reader", User: "bo", Scopes: []string{"requests.read"}}))
	reader := b.client(tok.Token)
	if _, err := client.Get[client.List[client.Request]](ctx, reader, "/requests", nil); err != nil {
		t.Errorf("reading with requests.read: %v", err)
	}
	if _, err := client.Get[client.Ruleset](ctx, reader, "/rules", nil); codeOf(err) != "forbidden" {
		t.Errorf("rules with requests.read: %v", err)
	}
	if err := b.admin.Call(ctx, "DELETE", "/tokens/"+tok.ID, nil, nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Get[client.Me](ctx, reader, "/me", nil); codeOf(err) != "unauthenticated" {
		t.Errorf("a withdrawn token: %v", err)
	}
	off := true
	if err := b.admin.Call(ctx, "PUT", "/users/bo", nil, client.EditUser{Disabled: &off}, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Get[client.Me](ctx, bo, "/me", nil); codeOf(err) != "unauthenticated" {
		t.Errorf("a disabled account: %v", err)
	}
	if err := b.admin.Call(ctx, "DELETE", "/users/bo", nil, nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Get[client.User](ctx, b.admin, "/users/bo", nil); codeOf(err) != "not_found" {
		t.Errorf("a deleted account: %v", err)
	}
	if err := b.admin.Call(ctx, "DELETE", "/users/admin", nil, nil, nil); codeOf(err) != "conflict" {
		t.Errorf("the last administrator: %v", err)
	}
}

func TestIdempotencyKey(t *testing.T) {
	b := start(t)
	add := func(key, login string) (int, *client.Problem, string) {
		return b.call("POST", "/api/v1/users", b.admin.Token, strings.NewReader(`{"login":"`+login+`"}`), "Idempotency-Key", key)
	}
	_, _, first := add("k1", "bo")
	status, _, again := add("k1", "bo")
	if status != 201 || first != again {
		t.Errorf("the same call again: %d %s, first %s", status, again, first)
	}
	if status, p, _ := add("k1", "cy"); status != 409 || p.Code != "conflict" {
		t.Errorf("another call with the key: %d %v", status, p)
	}
	if status, _, _ := add("k2", "bo"); status != 409 {
		t.Errorf("another key, the same login: %d", status)
	}
	// Of the same owner, and may do nothing of it.
	other := must[client.Token](t)(client.Post[client.Token](t.Context(), b.admin, "/tokens", client.NewToken{Name: "m", Scopes: []string{"metrics"}}))
	if status, p, _ := b.call("POST", "/api/v1/users", other.Token, strings.NewReader(`{"login":"bo"}`), "Idempotency-Key", "k1"); status != 403 {
		t.Errorf("another token with the key: %d %v", status, p)
	}
	token := func() (int, *client.Problem, string) {
		return b.call("POST", "/api/v1/tokens", b.admin.Token, strings.NewReader(`{"name":"x"}`), "Idempotency-Key", "k3")
	}
	token()
	if status, p, body := token(); status != 409 || strings.Contains(body, "ast_") || !strings.Contains(p.Detail, "shown once") {
		t.Errorf("a secret again: %d %s", status, body)
	}
}

func TestSettings(t *testing.T) {
	b := start(t)
	var s client.Settings
	if err := b.admin.Call(t.Context(), "PUT", "/settings", nil, map[string]any{"undo_seconds": 0, "quota": map[string]int{"pending_per_user": 7}}, &s); err != nil {
		t.Fatal(err)
	}
	if s.UndoSeconds != 0 || s.Quota.PendingPerUser != 7 || s.Quota.PendingPerEndpoint != 200 || s.PendingTTLSeconds != 28800 {
		t.Errorf("settings are %+v", s)
	}
	if err := b.admin.Call(t.Context(), "PUT", "/settings", nil, map[string]any{"no_such": 1}, nil); codeOf(err) != "invalid" {
		t.Errorf("an unknown setting: %v", err)
	}
}

func TestRulesOverHTTP(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	good := "rules:\n  - name: id\n    match: {path: /usr/bin/id, args: []}\n    then: approve\n    message: {en: fine}\n"
	check := must[client.RuleCheck](t)(client.Post[client.RuleCheck](ctx, b.admin, "/rules/check", client.RuleText{YAML: good}))
	if !check.OK {
		t.Fatalf("good rules: %+v", check)
	}
	set := must[client.Ruleset](t)(client.Post[client.Ruleset](ctx, b.admin, "/rules/apply", client.ApplyRules{YAML: good}))
	again := must[client.Ruleset](t)(client.Post[client.Ruleset](ctx, b.admin, "/rules/apply", client.ApplyRules{YAML: good}))
	if set.Version != 1 || again.Version != 1 || len(set.Items) != 1 || set.Items[0].ID != "id" {
		t.Errorf("applied %+v, again %+v", set, again)
	}
	_, err := client.Post[client.Ruleset](ctx, b.admin, "/rules/apply", client.ApplyRules{YAML: "rules: [{nam: x}]"})
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != "invalid" || len(p.Errors) == 0 {
		t.Errorf("bad rules: %v %+v", err, p)
	}
	e := must[client.Explanation](t)(client.Post[client.Explanation](ctx, b.admin, "/rules/evaluate",
		client.Evaluate{Attempt: &client.EvaluateAttempt{Path: "/usr/bin/id", User: "eve", UID: "1000"}}))
	if e.Outcome != "approve" || len(e.Trace) == 0 {
		t.Errorf("evaluated: %+v", e)
	}
	if r := must[client.Rule](t)(client.Get[client.Rule](ctx, b.admin, "/rules/id", nil)); r.Message["en"] != "fine" {
		t.Errorf("one rule: %+v", r)
	}
	if v := must[client.List[client.RuleVersion]](t)(client.Get[client.List[client.RuleVersion]](ctx, b.admin, "/rules/versions", nil)); len(v.Items) != 1 {
		t.Errorf("versions: %+v", v)
	}
}

func TestEndpointsAndEnrolment(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	id := string(b.endpoint("web-1", nil))
	b.endpoint("web-2", nil)
	page := must[client.List[client.Endpoint]](t)(client.Get[client.List[client.Endpoint]](ctx, b.admin, "/endpoints", url.Values{"limit": {"1"}}))
	if len(page.Items) != 1 || page.Total != 2 || page.NextCursor == "" {
		t.Fatalf("first page: %+v", page)
	}
	next := must[client.List[client.Endpoint]](t)(client.Get[client.List[client.Endpoint]](ctx, b.admin, "/endpoints", url.Values{"limit": {"1"}, "cursor": {page.NextCursor}}))
	if len(next.Items) != 1 || next.Items[0].Name != "web-2" || next.NextCursor != "" {
		t.Errorf("second page: %+v", next)
	}
	if _, err := client.Get[client.List[client.User]](ctx, b.admin, "/users", url.Values{"cursor": {page.NextCursor}}); codeOf(err) != "invalid" {
		t.Errorf("a cursor of another list: %v", err)
	}
	if err := b.admin.Call(ctx, "DELETE", "/endpoints/"+id, nil, nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Get[client.Endpoint](ctx, b.admin, "/endpoints/"+id, nil); codeOf(err) != "not_found" {
		t.Errorf("a deleted endpoint: %v", err)
	}
	tok := must[client.EnrollToken](t)(client.Post[client.EnrollToken](ctx, b.admin, "/enrollment-tokens",
		client.NewEnrollToken{TTLSeconds: 60, MaxUses: 2, Labels: map[string]string{"role": "web"}, Mode: "observe"}))
	if !strings.HasPrefix(tok.Token, "asn1_") || tok.MaxUses != 2 || tok.Mode == nil || *tok.Mode != "observe" {
		t.Errorf("enrolment token: %+v", tok)
	}
	unsaid := must[client.EnrollToken](t)(client.Post[client.EnrollToken](ctx, b.admin, "/enrollment-tokens", client.NewEnrollToken{}))
	if unsaid.Mode != nil {
		t.Errorf("the mode of an enrolment token of which none was said: %q", *unsaid.Mode)
	}
	if err := b.admin.Call(ctx, "DELETE", "/enrollment-tokens/"+unsaid.ID, nil, nil, nil); err != nil {
		t.Error(err)
	}
	all := must[client.List[client.EnrollToken]](t)(client.Get[client.List[client.EnrollToken]](ctx, b.admin, "/enrollment-tokens", nil))
	if len(all.Items) != 1 || all.Items[0].Token != "" {
		t.Errorf("listed: %+v", all)
	}
	if err := b.admin.Call(ctx, "DELETE", "/enrollment-tokens/"+tok.ID, nil, nil, nil); err != nil {
		t.Error(err)
	}
}

func TestLocalBesideARunningController(t *testing.T) {
	b := start(t)
	l, err := OpenLocal(t.Context(), b.cfg.Data, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.AddUser(t.Context(), "bo", []auth.Role{auth.Approver}, ""); err != nil {
		t.Fatal(err)
	}
	tok := must[string](t)(l.NewToken(t.Context(), "bo"))
	if me := must[client.Me](t)(client.Get[client.Me](t.Context(), b.client(tok), "/me", nil)); me.Login != "bo" {
		t.Errorf("me: %+v", me)
	}
	if renewed, err := l.RenewAdminToken(t.Context(), "admin"); err != nil || !renewed {
		t.Fatal(renewed, err)
	}
	if _, err := client.Get[client.Me](t.Context(), b.admin, "/me", nil); codeOf(err) != "unauthenticated" {
		t.Errorf("the old admin.token: %v", err)
	}
	raw, _ := os.ReadFile(filepath.Join(b.cfg.Data, "admin.token"))
	if _, err := client.Get[client.Me](t.Context(), b.client(strings.TrimSpace(string(raw))), "/me", nil); err != nil {
		t.Errorf("the new admin.token: %v", err)
	}
	if u := must[string](t)(l.SignInURL(t.Context(), "bo")); !strings.HasPrefix(u, b.URL()+"/#/sign-in?link=lnk_") {
		t.Errorf("sign-in link %s", u)
	}
}

// TestPackWithoutBody: what is left out of the body of enable has a default, and
// so has the body.
func TestPackWithoutBody(t *testing.T) {
	b := start(t)
	for _, body := range []string{"", "{}"} {
		t.Run("body "+body, func(t *testing.T) {
			enable := func(name string) (int, *client.Problem, string) {
				var in io.Reader
				if body != "" {
					in = strings.NewReader(body)
				}
				return b.call("POST", "/api/v1/packs/"+name+"/enable", b.admin.Token, in)
			}
			if status, p, text := enable("packages"); status != 200 || !strings.Contains(text, `"state":"enforce"`) {
				t.Errorf("a pack: %d %v %s", status, p, text)
			}
			if status, p, _ := enable("nonesuch"); status != 404 || p.Code != "not_found" {
				t.Errorf("an unknown pack: %d %v", status, p)
			}
			if _, err := client.Post[client.Pack](t.Context(), b.admin, "/packs/packages/disable", nil); err != nil {
				t.Errorf("off again: %v", err)
			}
		})
	}
}

// TestScopeInBothForms: the scope of an account is taken as labels alone and in
// the form that teams have; answers have one form.
func TestScopeInBothForms(t *testing.T) {
	b := start(t)
	for scope, want := range map[string]string{ // "" is refused
		`{"env":"prod"}`:                          `{"env":"prod"}`,
		`{"labels":{"env":"prod"}}`:               `{"env":"prod"}`,
		`{"labels": {"env":"prod","labels":"x"}}`: `{"env":"prod","labels":"x"}`,
		`{"labels":"x"}`:                          `{"labels":"x"}`,
		`{"labels":"x","env":"prod"}`:             `{"env":"prod","labels":"x"}`,
		`{"labels":{}}`:                           `{}`,
		`{}`:                                      `{}`,
		`{"labels":{"env":"prod"},"site":"b"}`:    "",
		`{"labels":{"env":5}}`:                    "",
		`{"labels":{"env":null}}`:                 "",
		`{"labels":{"labels":{"env":"prod"}}}`:    "",
		`{"labels":null}`:                         "",
		`{"labels":["env"]}`:                      "",
		`{"Labels":{"env":"prod"}}`:               "",
		`{"env":{"a":"b"}}`:                       "",
		`{"env":5}`:                               "",
		`["env"]`:                                 "",
	} {
		t.Run(scope, func(t *testing.T) {
			login := "u" + strconv.Itoa(len(must[client.List[client.User]](t)(client.Get[client.List[client.User]](t.Context(), b.admin, "/users", nil)).Items))
			made, bad, text := b.call("POST", "/api/v1/users", b.admin.Token, strings.NewReader(`{"login":"`+login+`","scope":`+scope+`}`))
			if want == "" {
				if made != 400 || bad.Code != "invalid" || len(bad.Errors) == 0 || !strings.Contains(text, "scope") {
					t.Errorf("add: %d %s", made, text)
				}
				must[client.User](t)(client.Post[client.User](t.Context(), b.admin, "/users", client.NewUser{Login: login}))
			} else if made != 201 || !strings.Contains(text, `"scope":`+want) {
				t.Errorf("add: %d %s", made, text)
			}
			var was client.User
			if err := b.admin.Call(t.Context(), "PUT", "/users/"+login, nil, client.EditUser{Scope: client.Scope{"was": "this"}}, &was); err != nil || len(was.Scope) != 1 {
				t.Fatal(err, was.Scope)
			}
			if status, _, text := b.call("PUT", "/api/v1/users/"+login, b.admin.Token, strings.NewReader(`{"scope":null}`)); status != 200 || !strings.Contains(text, `"scope":{"was":"this"}`) {
				t.Errorf("null: %d %s", status, text)
			}
			status, bad, text := b.call("PUT", "/api/v1/users/"+login, b.admin.Token, strings.NewReader(`{"scope":`+scope+`}`))
			switch {
			case want != "" && (status != 200 || !strings.Contains(text, `"scope":`+want)):
				t.Errorf("edit: %d %s", status, text)
			case want == "" && (status != 400 || bad.Code != "invalid"):
				t.Errorf("edit: %d %s", status, text)
			}
		})
	}
	_, bad, _ := b.call("POST", "/api/v1/users", b.admin.Token, strings.NewReader(`{"login":"two","scope":{"labels":{"env":"prod"},"site":"b"}}`))
	if want := `scope: nothing may stand beside "labels":{…}; put every label into it`; len(bad.Errors) != 1 || bad.Errors[0].Message != want {
		t.Errorf("both forms at once: %+v", bad)
	}
}

// TestListsAreSearched: a list is narrowed by what one reads in it, and gives the
// newest first, page by page.
func TestListsAreSearched(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	make := func(path, body string) {
		t.Helper()
		if status, _, text := b.call("POST", "/api/v1"+path, b.admin.Token, strings.NewReader(body)); status != 201 {
			t.Fatalf("%s: %d %s", path, status, text)
		}
	}
	ep := string(b.endpoint("desk-1", nil))
	running := b.ask(b.endpoint("desk-2", nil), "eve", "a")
	must[client.Request](t)(b.admin.Act(ctx, running, "approve", client.Answer{Lasts: "8h"}))
	for _, name := range []string{"Anna", "Berta", "Carla"} {
		lower := strings.ToLower(name)
		make("/users", `{"login":"`+lower+`","name":"`+name+` Nagel","scope":{"site":"of-`+lower+`"}}`)
		make("/teams", `{"name":"Team `+name+`"}`)
		make("/links", `{"account":"`+lower+`","endpoint":"`+ep+`","user":"`+lower+`","uid":"10`+strconv.Itoa(len(lower))+lower[:1]+`"}`)
		make("/tokens", `{"name":"For `+name+`"}`)
		make("/channels", `{"name":"To `+name+`","kind":"webhook","config":{"url":"https://hooks.example.com/`+lower+`"}}`)
		make("/alerts", `{"name":"When `+name+`","events":["request.denied"],"channels":["To `+name+`"]}`)
		make("/delegations", `{"user":"`+lower+`","delegate":"admin","until":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
		make("/enrollment-tokens", `{"labels":{"owner":"`+name+`"}}`)
	}
	type item struct{ ID string }
	type page struct {
		Items []item
		Next  string `json:"next_cursor"`
		Total int
	}
	for _, path := range []string{"/users", "/teams", "/links", "/tokens", "/channels", "/alerts", "/delegations", "/enrollment-tokens", "/access", "/live"} {
		t.Run(path, func(t *testing.T) {
			read := func(query url.Values) page {
				t.Helper()
				return must[page](t)(client.Get[page](ctx, b.admin, path, query))
			}
			all := read(nil)
			if path != "/access" && path != "/live" {
				for _, q := range []string{"berta", "BERTA"} {
					if found := read(url.Values{"q": {q}}); found.Total != 1 || len(found.Items) != 1 {
						t.Errorf("q=%s: %+v", q, found)
					}
				}
				id := all.Items[len(all.Items)-1].ID
				if found := read(url.Values{"q": {id[len(id)-8:]}}); len(found.Items) != 1 || found.Items[0].ID != id {
					t.Errorf("by the ending %s: %+v", id, found)
				}
			}
			if found := read(url.Values{"q": {"nothing-is-so"}}); found.Total != 0 || len(found.Items) != 0 {
				t.Errorf("what is nowhere: %+v", found)
			}
			if found := read(url.Values{"q": {"usr_"}}); len(found.Items) != 0 {
				t.Errorf("ids count as text: %+v", found)
			}
			var ids []string
			for query := (url.Values{"sort": {"newest"}, "limit": {"2"}}); ; {
				p := read(query)
				for _, x := range p.Items {
					ids = append(ids, x.ID)
				}
				if p.Next == "" {
					break
				}
				query.Set("cursor", p.Next)
				if _, err := client.Get[page](ctx, b.admin, path, url.Values{"cursor": {p.Next}}); codeOf(err) != "invalid" {
					t.Error("the cursor fits another order")
				}
			}
			if len(ids) != all.Total || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
				t.Errorf("newest first: %v of %d", ids, all.Total)
			}
			if _, err := client.Get[page](ctx, b.admin, path, url.Values{"sort": {"nonsense"}}); codeOf(err) != "invalid" {
				t.Errorf("an unknown order: %v", err)
			}
		})
	}
}

// TestOrderedLists: lists whose order means something are read as a whole, by
// pages that keep it, and by a text.
func TestOrderedLists(t *testing.T) {
	ctx, b := t.Context(), start(t)
	var items []client.Policy
	yaml := "rules:\n"
	for i := range 60 { // more than other lists give at a time
		name := fmt.Sprintf("n%02d", (i*7)%60)
		items = append(items, client.Policy{Name: name, Labels: map[string]string{"ring": name}, Mode: "ask"})
		yaml += "  - name: " + name + "\n    match: {path: /usr/bin/" + name + "}\n    then: deny\n"
	}
	err := b.admin.Call(ctx, "PUT", "/policies", nil, client.PutPolicies{Items: items}, nil)
	if err == nil {
		err = b.admin.Call(ctx, "POST", "/rules/apply", nil, client.ApplyRules{YAML: yaml}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	type item struct {
		ID, Name string
		Version  int
	}
	type page struct {
		Items []item
		Next  string `json:"next_cursor"`
		Total *int
		Bound *bool `json:"total_is_lower_bound"`
	}
	for _, tt := range []struct {
		path, q     string
		least, hits int
	}{{"/policies", "N17", 60, 1}, {"/rules", "/usr/bin/n17", 60, 1}, {"/packs", "", 3, 0}, {"/reports", "emergenc", 3, 1}, {"/rules/versions", "", 1, 0}, {"/rules/suggestions", "", 0, 0}} {
		t.Run(tt.path, func(t *testing.T) {
			read := func(query url.Values) page {
				t.Helper()
				p := must[page](t)(client.Get[page](ctx, b.admin, tt.path, query))
				if p.Total == nil || p.Bound == nil || *p.Bound {
					t.Fatalf("%v: total %v, bound %v", query, p.Total, p.Bound)
				}
				return p
			}
			all := read(nil)
			if len(all.Items) < tt.least || len(all.Items) != *all.Total || all.Next != "" {
				t.Fatalf("%d of %d, next %q", len(all.Items), *all.Total, all.Next)
			}
			var paged []item
			for query := (url.Values{"limit": {"2"}}); ; {
				p := read(query)
				if *p.Total != *all.Total || len(p.Items) > 2 {
					t.Fatalf("%d of %d", len(p.Items), *p.Total)
				}
				paged = append(paged, p.Items...)
				if p.Next == "" {
					break
				}
				query.Set("cursor", p.Next)
			}
			if !slices.Equal(paged, all.Items) {
				t.Errorf("by pages %v, as a whole %v", paged, all.Items)
			}
			if found := read(url.Values{"q": {"nothing-is-so"}}); *found.Total != 0 {
				t.Errorf("what is nowhere: %d", *found.Total)
			}
			if tt.q != "" {
				if found := read(url.Values{"q": {tt.q}}); len(found.Items) != tt.hits {
					t.Errorf("q=%s: %+v", tt.q, found)
				}
			}
			for _, bad := range []url.Values{{"cursor": {"x"}}, {"limit": {"0"}}, {"limit": {"501"}}, {"limit": {"-1"}}} {
				if _, err := client.Get[page](ctx, b.admin, tt.path, bad); codeOf(err) != "invalid" {
					t.Errorf("%v: %v", bad, err)
				}
			}
		})
	}
}

// Who somebody is, is said as it is now, also right after it was learnt.
func TestNamesAreOfNow(t *testing.T) {
	ctx, b := t.Context(), start(t)
	ep := b.endpoint("desk-9", nil)
	id := b.ask(ep, "nora", "a")
	account := func() string {
		t.Helper()
		r := must[client.Request](t)(client.Get[client.Request](ctx, b.admin, "/requests/"+id, nil))
		if r.User.Account == nil {
			return ""
		}
		return r.User.Account.Name
	}
	if got := account(); got != "" {
		t.Fatalf("nobody is %q yet", got)
	}
	u := must[client.User](t)(client.Post[client.User](ctx, b.admin, "/users", client.NewUser{Login: "nora", Name: "Nora Nagel", Roles: []string{"requester"}}))
	must[client.Link](t)(client.Post[client.Link](ctx, b.admin, "/links", client.NewLink{Account: "nora", Endpoint: new(string(ep)), User: new("nora")}))
	if got := account(); got != "Nora Nagel" {
		t.Errorf("after the link: %q", got)
	}
	if err := b.admin.Call(ctx, "PUT", "/users/"+u.ID, nil, map[string]any{"name": "Nora Nagel-Berg"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := account(); got != "Nora Nagel-Berg" {
		t.Errorf("after the marriage: %q", got)
	}
}
