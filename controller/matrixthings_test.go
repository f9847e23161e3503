package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// target makes the thing that an operation of the matrix acts on and returns
// the path to it.
func (b *bed) target(t *testing.T, name string, ep elevation.EndpointID, n int) string {
	t.Helper()
	_, path, _ := strings.Cut(name, " ")
	if strings.Contains(path, "/packs/") {
		path = strings.Replace(path, "{name}", "services", 1)
	}
	path = strings.NewReplacer("{name}", "waiting-times", "{event}", "1", "{version}", "1").Replace(path)
	path = strings.Replace(path, "{user_code}", "ABCD-EFGH", 1)
	if !strings.Contains(path, "{id}") {
		return path
	}
	ctx := t.Context()
	id := ""
	switch {
	case strings.Contains(path, "/access/"):
		of := b.ask(b.endpoint(fmt.Sprintf("m-%d", n), nil), "eve", "a")
		must[client.Request](t)(b.admin.Act(ctx, of, "approve", client.Answer{Lasts: "8h"}))
		for _, acc := range must[client.List[client.Access]](t)(client.Get[client.List[client.Access]](ctx, b.admin, "/access", nil)).Items {
			if acc.RequestID == of {
				id = acc.ID
			}
		}
	case strings.Contains(path, "/requests/"), strings.Contains(path, "/live/"):
		on := b.endpoint(fmt.Sprintf("m-%d", n), nil)
		id = b.ask(on, "eve", "a")
		if strings.HasSuffix(path, "offline-code") {
			b.offlineKey(on)
		}
		if strings.HasSuffix(path, "escalate") {
			b.team(t, "Matrix")
		}
		if strings.HasSuffix(path, "revoke") || strings.HasSuffix(path, "terminate") {
			must[client.Request](t)(b.admin.Act(ctx, id, "approve", client.Answer{}))
		}
	case strings.Contains(path, "/endpoints/"):
		id = string(ep)
		if strings.HasPrefix(name, "DELETE") || strings.HasSuffix(name, "lock") {
			id = string(b.endpoint(fmt.Sprintf("d-%d", n), nil))
		}
		if strings.HasSuffix(name, "take-over") || strings.HasSuffix(name, "give-back") {
			id = string(b.withRights(t, fmt.Sprintf("d-%d", n)))
		}
	case strings.Contains(path, "/pauses/"):
		id = must[client.Pause](t)(b.admin.Pause(ctx, client.NewPause{Labels: map[string]string{"matrix": fmt.Sprint(n)}, DurationSeconds: 60, Comment: "matrix"})).ID
	case strings.Contains(path, "/enrollment-tokens/"):
		id = must[client.EnrollToken](t)(client.Post[client.EnrollToken](ctx, b.admin, "/enrollment-tokens", client.NewEnrollToken{})).ID
	case strings.Contains(path, "/tokens/"):
		id = must[client.Token](t)(client.Post[client.Token](ctx, b.admin, "/tokens", client.NewToken{Name: "x"})).ID
	case strings.Contains(path, "/teams/"):
		id = must[client.Team](t)(client.Post[client.Team](ctx, b.admin, "/teams", client.NewTeam{Name: fmt.Sprintf("Team %d", n)})).ID
	case strings.Contains(path, "/channels/"):
		id = b.channel(t, fmt.Sprintf("Channel %d", n))
	case strings.Contains(path, "/hooks/"):
		id = must[client.Hook](t)(b.admin.AddHook(ctx, client.NewHook{Name: fmt.Sprintf("Hook %d", n), Kind: "note"})).ID
	case strings.Contains(path, "/alerts/"):
		id = b.alert(t, fmt.Sprintf("Alert %d", n))
	case strings.Contains(path, "/deliveries/"):
		id = b.delivery(t, n)
	case strings.Contains(path, "/identity-providers/"):
		id = must[client.Provider](t)(b.admin.AddProvider(ctx, client.NewProvider{Name: fmt.Sprintf("P %d", n), Issuer: fmt.Sprintf("https://p%d.example.com", n), ClientID: "assent"})).ID
	case strings.Contains(path, "/links/"):
		id = must[client.Link](t)(client.Post[client.Link](ctx, b.admin, "/links", client.NewLink{Account: b.someone(t, "l", n), Endpoint: new(string(ep)), User: new("eve")})).ID
	case strings.Contains(path, "/delegations/"):
		id = must[client.Delegation](t)(client.Post[client.Delegation](ctx, b.admin, "/delegations", client.NewDelegation{User: b.someone(t, "a", n),
			Delegate: b.someone(t, "b", n), Until: time.Now().Add(time.Hour)})).ID
	case strings.Contains(path, "/passkeys/"):
		id = "pk_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"
	case strings.Contains(path, "/users/"):
		id = must[client.User](t)(client.Post[client.User](ctx, b.admin, "/users", client.NewUser{Login: fmt.Sprintf("u%d", n)})).ID
	case strings.Contains(path, "/rules/proposals/"):
		id = b.proposal(t)
	case strings.Contains(path, "/rules/"):
		if id = "x"; strings.HasPrefix(name, "DELETE") {
			id = must[client.Rule](t)(client.Post[client.Rule](ctx, b.admin, "/rules",
				client.EditRule{YAML: fmt.Sprintf("{name: d%d, match: {path: /usr/bin/d%d, args: []}, then: approve}", n, n)})).ID
		}
	}
	return strings.Replace(path, "{id}", id, 1)
}

// someone makes an approver and returns the login.
func (b *bed) someone(t *testing.T, prefix string, n int) string {
	t.Helper()
	login := fmt.Sprintf("%s-%d", prefix, n)
	err := b.Store().Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.UserByLogin(login); err == nil {
			return nil
		}
		u := store.User{ID: elevation.UserID(elevation.NewID(elevation.UserPrefix, time.Now())), Login: login, Roles: []auth.Role{auth.Approver}, CreatedAt: time.Now()}
		if err := tx.InsertUser(u); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.UserCreated, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// proposal stores a change of the rules that waits, from somebody else.
func (b *bed) proposal(t *testing.T) string {
	t.Helper()
	id := elevation.NewID("prp_", time.Now())
	err := b.Store().Update(t.Context(), func(tx *store.Tx) error {
		r, err := tx.Ruleset()
		if err != nil {
			return err
		}
		p := store.Proposal{ID: id, Base: r.Version, YAML: r.YAML, Packs: r.Packs, By: elevation.Actor{Kind: elevation.ByUser, ID: "usr_x", Name: "x"}, At: time.Now()}
		if err := tx.PutProposal(p); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: time.Now(), Kind: audit.RuleChanged, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// team stores a team without members.
func (b *bed) team(t *testing.T, name string) {
	t.Helper()
	now := time.Now()
	err := b.Store().Update(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Teams()
		if err != nil || slices.ContainsFunc(all, func(x store.Team) bool { return x.Name == name }) {
			return err
		}
		if err := tx.PutTeam(store.Team{ID: elevation.TeamID(elevation.NewID(elevation.TeamPrefix, now)), Name: name, MadeAt: now}); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.TeamChanged, Actor: elevation.Actor{Kind: elevation.BySystem}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bodyOf is bodyFor with the things that the body names.
func (b *bed) bodyOf(t *testing.T, name string, n int, example []byte) []byte {
	t.Helper()
	switch name {
	case "POST /api/v1/requests/by-code":
		ep := b.endpoint(fmt.Sprintf("c-%d", n), nil)
		return fmt.Appendf(nil, `{"code":%q}`, must[wire.Progress](t)(b.queue.Progress(t.Context(), ep, elevation.RequestID(b.ask(ep, "eve", "a")))).Code)
	case "POST /api/v1/channels":
		return fmt.Appendf(nil, `{"name":"New channel %d","kind":"webhook","config":{"url":"https://example.org/hook"}}`, n)
	case "POST /api/v1/hooks":
		return fmt.Appendf(nil, `{"name":"New hook %d","kind":"note"}`, n)
	case "PUT /api/v1/channels/{id}":
		return []byte(`{"enabled":false}`)
	case "POST /api/v1/alerts":
		return fmt.Appendf(nil, `{"name":"New alert %d","events":["request.created"],"channels":[%q]}`, n, b.channel(t, "Of alerts"))
	case "PUT /api/v1/alerts/{id}":
		return []byte(`{"events":["request.denied"]}`)
	case "PUT /api/v1/me/settings":
		return []byte(`{"notify":{"quiet_hours":"22:00-07:00"}}`)
	case "POST /api/v1/links":
		return fmt.Appendf(nil, `{"account":%q,"directory":"corp.example","user":"eve"}`, b.someone(t, "c", n))
	case "POST /api/v1/delegations": // nobody is away twice at a time
		return fmt.Appendf(nil, `{"delegate":%q,"from":%q,"until":%q}`, b.someone(t, "d", n),
			time.Now().Add(time.Duration(2*n)*time.Hour).UTC().Format(time.RFC3339), time.Now().Add(time.Duration(2*n+1)*time.Hour).UTC().Format(time.RFC3339))
	}
	if name != "POST /api/v1/requests" {
		return bodyFor(name, n, example)
	}
	ep := b.endpoint(fmt.Sprintf("f-%d", n), nil)
	return fmt.Appendf(nil, `{"access_type":"run","endpoint":%q,"from_request":%q,"for_user":"eve","justification":"she is on the phone"}`, ep, b.ask(ep, "eve", "a"))
}

// bodyFor is a body that works, for operations whose example does not.
func bodyFor(name string, n int, example []byte) []byte {
	switch name {
	case "POST /api/v1/identity-providers":
		return fmt.Appendf(nil, `{"name":"N %d","issuer":"https://n%d.example.com","client_id":"assent"}`, n, n)
	case "PUT /api/v1/identity-providers/{id}":
		return []byte(`{"enabled":false}`)
	case "PUT /api/v1/directory":
		return []byte(`{"groups":[{"external_id":"8a1f","roles":["approver"]}]}`)
	case "POST /api/v1/users":
		return fmt.Appendf(nil, `{"login":"n%d"}`, n)
	case "POST /api/v1/tokens", "POST /api/v1/enrollment-tokens":
		if strings.Contains(name, "enrollment") {
			return []byte(`{}`)
		}
		return []byte(`{"name":"x"}`)
	case "POST /api/v1/teams":
		return fmt.Appendf(nil, `{"name":"New team %d"}`, n)
	case "PUT /api/v1/teams/{id}":
		return []byte(`{"hours":"Mon-Fri 08:00-18:00 Europe/Berlin"}`)
	case "PUT /api/v1/links/{id}":
		return []byte(`{"user":"someone"}`)
	case "PUT /api/v1/delegations/{id}":
		return fmt.Appendf(nil, `{"until":%q}`, time.Now().Add(2*time.Hour).UTC().Format(time.RFC3339))
	case "PATCH /api/v1/endpoints/{id}":
		return []byte(`{"labels":{"role":"web"}}`)
	case "PUT /api/v1/tokens/{id}":
		return []byte(`{"name":"New name"}`)
	case "PUT /api/v1/users/{id}":
		return []byte(`{"name":"New name"}`)
	case "POST /api/v1/rules/apply":
		return []byte(`{"yaml":"rules:\n  - name: x\n    match: {path: /usr/bin/x, args: []}\n    then: approve\n"}`)
	case "POST /api/v1/rules":
		return fmt.Appendf(nil, `{"yaml":"{name: n%d, match: {path: /usr/bin/n%d, args: []}, then: approve}"}`, n, n)
	case "PUT /api/v1/rules/{id}":
		return []byte(`{"mode":"enforce"}`)
	case "POST /api/v1/rules/rollback":
		return []byte(`{"version":1}`)
	case "POST /api/v1/packs/{name}/enable":
		return []byte(`{"mode":"observe"}`)
	case "PUT /api/v1/policies":
		return []byte(`{"items":[{"name":"all"}]}`)
	case "POST /api/v1/rules/evaluate":
		return []byte(`{"attempt":{"path":"/usr/bin/x"}}`)
	case "POST /api/v1/requests/batch":
		return []byte(`{"action":"approve","ids":["req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77"]}`)
	}
	_, verb, _ := strings.Cut(name, "/requests/{id}/")
	switch verb {
	case "ask", "answer":
		return []byte(`{"comment":"which server?"}`)
	case "prioritize":
		return []byte(`{"priority":"high"}`)
	case "escalate":
		return []byte(`{"team":"Matrix"}`)
	case "offline-code":
		return example
	}
	if strings.Contains(name, "/requests/{id}/") || strings.Contains(name, "/live/{id}/") {
		return []byte(`{}`)
	}
	return example
}
