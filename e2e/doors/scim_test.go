package doors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/desk"
)

// company is a directory that brings users and groups.
type company struct {
	t   *testing.T
	d   *desk.Desk
	who *desk.Person
}

func newCompany(t *testing.T, d *desk.Desk) *company {
	t.Helper()
	return &company{t, d, d.Token("admin", "scim")}
}

// call does one call and gives the status and the answer.
func (c *company) call(method, path, body string) (int, map[string]any) {
	c.t.Helper()
	status, header, text := c.d.Raw(c.who, method, "/scim/v2"+path, body, "Content-Type", "application/scim+json")
	out := map[string]any{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &out); err != nil || header.Get("Content-Type") != "application/scim+json" {
			c.t.Errorf("%s %s answers %s %q", method, path, header.Get("Content-Type"), text)
		}
	}
	return status, out
}

// does is call that must work.
func (c *company) does(method, path, body string) map[string]any {
	c.t.Helper()
	status, out := c.call(method, path, body)
	if status >= 300 {
		c.t.Fatalf("%s %s %s: %d %s", method, path, body, status, desk.JSON(out))
	}
	return out
}

// refused is call that must not work, with the word of SCIM for it.
func (c *company) refused(status int, kind, method, path, body string) {
	c.t.Helper()
	got, out := c.call(method, path, body)
	word, _ := out["scimType"].(string)
	schemas, _ := out["schemas"].([]any)
	if got != status || kind != "*" && word != kind || len(schemas) != 1 || schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" || out["status"] != fmt.Sprint(status) || out["detail"] == "" {
		c.t.Errorf("%s %s %.200s: %d %s, want %d %q", method, path, body, got, desk.JSON(out), status, kind)
	}
}

// user brings a user as directories do and gives its id.
func (c *company) user(name string) string {
	c.t.Helper()
	out := c.does("POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
"userName":%q,"externalId":"ext-%s","active":true,"name":{"givenName":"Given","familyName":"Family"},"displayName":"The %s",
"emails":[{"primary":true,"value":"%s@corp.example","type":"work"}],"password":"t1meMa$heen","locale":"en-US",
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"x"}}`, name, name, name, strings.Split(name, "@")[0]))
	return out["id"].(string)
}

func (c *company) group(name string, members ...string) string {
	c.t.Helper()
	list := []map[string]string{}
	for _, m := range members {
		list = append(list, map[string]string{"value": m, "display": "x"})
	}
	out := c.does("POST", "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"externalId":"ext-%s","members":%s}`, name, name, desk.JSON(list)))
	return out["id"].(string)
}

// patch is the body of a PATCH.
func patch(ops ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(ops, ",") + `]}`
}

// roles are an account's roles and whether it is disabled.
func (c *company) roles(login string) string {
	c.t.Helper()
	u := desk.Must(client.Get[client.User](c.t.Context(), c.d.Admin.Client, "/users/"+login, nil))(c.t)
	s := strings.Join(u.Roles, " ")
	if u.DisabledAt != nil {
		s += " (disabled)"
	}
	return s
}

func (c *company) has(login, want string) {
	c.t.Helper()
	if got := c.roles(login); got != want {
		c.t.Errorf("%s has %q, want %q", login, got, want)
	}
}

// means gives the members of a group roles.
func (c *company) means(groups ...client.DirectoryMapping) {
	c.t.Helper()
	desk.Must(c.d.Admin.EditDirectory(c.t.Context(), client.EditDirectory{Groups: &groups}))(c.t)
}

// TestD9SCIMAsOktaSendsIt: a user's life with the bodies that Okta sends.
func TestD9SCIMAsOktaSendsIt(t *testing.T) {
	d := desk.New(t)
	c := newCompany(t, d)
	none := c.does("GET", `/Users?filter=userName%20eq%20%22eve@corp.example%22&startIndex=1&count=100`, "")
	if none["totalResults"] != float64(0) || none["schemas"].([]any)[0] != "urn:ietf:params:scim:api:messages:2.0:ListResponse" {
		t.Errorf("nobody yet: %s", desk.JSON(none))
	}
	eve := c.user("eve@corp.example")
	c.has("eve@corp.example", "requester")
	found := c.does("GET", `/Users?filter=userName%20eq%20%22EVE@corp.example%22%20and%20active%20eq%20true`, "")
	one, _ := found["Resources"].([]any)
	if found["totalResults"] != float64(1) || len(one) != 1 || one[0].(map[string]any)["id"] != eve || one[0].(map[string]any)["externalId"] != "ext-eve@corp.example" {
		t.Errorf("found %s", desk.JSON(found))
	}
	c.refused(409, "uniqueness", "POST", "/Users", `{"userName":"Eve@corp.example"}`)
	put := c.does("PUT", "/Users/"+eve, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"`+eve+`","userName":"eve@corp.example","active":true,"displayName":"Eve E","name":{"givenName":"Eve","familyName":"E"},"emails":[{"value":"eve@corp.example","primary":true}],"groups":[],"meta":{"resourceType":"User"}}`)
	if put["displayName"] != "Eve E" || put["externalId"] != nil {
		t.Errorf("after PUT: %s", desk.JSON(put))
	}
	team := c.group("Approvers", eve)
	c.means(client.DirectoryMapping{ID: team, Roles: []string{"approver"}})
	c.has("eve@corp.example", "approver")
	c.does("PATCH", "/Groups/"+team, patch(`{"op":"replace","value":{"id":"`+team+`","displayName":"Approvers of Okta"}}`))
	if g := c.does("GET", "/Groups/"+team, ""); g["displayName"] != "Approvers of Okta" || len(g["members"].([]any)) != 1 {
		t.Errorf("renamed: %s", desk.JSON(g))
	}
	c.does("PATCH", "/Groups/"+team, patch(`{"op":"remove","path":"members[value eq \"`+eve+`\"]"}`))
	c.has("eve@corp.example", "requester")
	c.does("PATCH", "/Groups/"+team, patch(`{"op":"add","path":"members","value":[{"value":"`+eve+`","display":"eve@corp.example"}]}`))
	c.has("eve@corp.example", "approver")
	c.does("PATCH", "/Groups/"+team, patch(`{"op":"replace","path":"members","value":[]}`))
	c.has("eve@corp.example", "requester")
	off := c.does("PATCH", "/Users/"+eve, patch(`{"op":"replace","value":{"active":false}}`))
	if off["active"] != false {
		t.Errorf("deactivated: %s", desk.JSON(off))
	}
	c.has("eve@corp.example", "requester (disabled)")
	c.does("PUT", "/Users/"+eve, `{"userName":"eve@corp.example","active":true}`)
	c.has("eve@corp.example", "requester")
	c.does("DELETE", "/Users/"+eve, "")
	c.refused(404, "", "GET", "/Users/"+eve, "")
	c.refused(404, "", "DELETE", "/Users/"+eve, "")
	c.has("eve@corp.example", "requester (disabled)")
	if again := c.user("eve@corp.example"); again != eve {
		t.Errorf("who comes back is %s, was %s", again, eve)
	}
	c.has("eve@corp.example", "requester")
	c.does("DELETE", "/Groups/"+team, "")
	c.refused(404, "", "GET", "/Groups/"+team, "")
}

// TestD9SCIMAsEntraSendsIt: a user's life with the bodies that Entra ID sends.
func TestD9SCIMAsEntraSendsIt(t *testing.T) {
	d := desk.New(t)
	c := newCompany(t, d)
	eve, bo := c.user("eve@corp.example"), c.user("bo@corp.example")
	c.does("PATCH", "/Users/"+eve, patch(
		`{"op":"Replace","path":"displayName","value":"Eve X"}`, `{"op":"Add","path":"name.givenName","value":"Eve"}`,
		`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"eve.x@corp.example"}`,
		`{"op":"Add","path":"emails[type eq \"other\"].value","value":"eve@home.example"}`,
		`{"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":"555"}`, `{"op":"Add","path":"roles[primary eq \"True\"].value","value":"administrator"}`,
		`{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"IT"}`,
		`{"op":"Replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:externalId","value":"ext-2"}`,
		`{"op":"Replace","value":{"name.familyName":"X","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"7"}}`))
	got := c.does("GET", "/Users/"+eve, "")
	name, _ := got["name"].(map[string]any)
	if got["displayName"] != "Eve X" || name["givenName"] != "Eve" || name["familyName"] != "X" || got["externalId"] != "ext-2" ||
		desk.JSON(got["emails"]) != `[{"primary":true,"type":"work","value":"eve.x@corp.example"},{"primary":false,"type":"other","value":"eve@home.example"}]` {
		t.Errorf("after PATCH: %s", desk.JSON(got))
	}
	u := desk.Must(client.Get[client.User](t.Context(), d.Admin.Client, "/users/eve@corp.example", nil))(t)
	if u.Name != "Eve X" || u.Email != "eve.x@corp.example" || !slices.Equal(u.Roles, []string{"requester"}) {
		t.Errorf("the account: %s", desk.JSON(u))
	}
	c.does("PATCH", "/Users/"+eve, patch(`{"op":"Replace","path":"active","value":"False"}`))
	c.has("eve@corp.example", "requester (disabled)")
	c.does("PATCH", "/Users/"+eve, patch(`{"op":"Replace","path":"active","value":"True"}`, `{"op":"Remove","path":"externalId"}`, `{"op":"Remove","path":"emails[type eq \"other\"]"}`))
	c.has("eve@corp.example", "requester")
	team := c.group("sec", eve)
	c.means(client.DirectoryMapping{ExternalID: "ext-sec", Roles: []string{"auditor", "approver"}})
	c.has("eve@corp.example", "approver auditor")
	c.does("PATCH", "/Groups/"+team, patch(`{"op":"Add","path":"members","value":[{"value":"`+bo+`"}]}`, `{"op":"Remove","path":"members","value":[{"value":"`+eve+`"}]}`))
	c.has("eve@corp.example", "requester")
	c.has("bo@corp.example", "approver auditor")
	in := c.does("GET", `/Groups?excludedAttributes=members&filter=id%20eq%20%22`+team+`%22%20and%20members%20eq%20%22`+bo+`%22`, "")
	list, _ := in["Resources"].([]any)
	if in["totalResults"] != float64(1) || len(list) != 1 || list[0].(map[string]any)["members"] != nil || list[0].(map[string]any)["displayName"] != "sec" {
		t.Errorf("is a member: %s", desk.JSON(in))
	}
	out := c.does("GET", `/Groups?filter=id%20eq%20%22`+team+`%22%20and%20members%20eq%20%22`+eve+`%22`, "")
	if out["totalResults"] != float64(0) {
		t.Errorf("is no member: %s", desk.JSON(out))
	}
	c.does("PATCH", "/Groups/"+team, patch(`{"op":"Replace","path":"externalId","value":"ext-other"}`)) // means nothing
	c.has("bo@corp.example", "requester")
	known := desk.Must(d.Admin.Directory(t.Context()))(t)
	if known.Users != 2 || len(known.Known) != 1 || known.Known[0].ExternalID != "ext-other" || len(known.Groups) != 1 || known.Groups[0].ExternalID != "ext-sec" {
		t.Errorf("the directory: %s", desk.JSON(known))
	}
}

// TestD9SCIMDeactivationIsImmediate: sessions and tokens die with the call, the
// last administrator stays, and what an administrator did by hand stays too.
func TestD9SCIMDeactivationIsImmediate(t *testing.T) {
	d := desk.New(t)
	c := newCompany(t, d)
	eve := c.user("eve@corp.example")
	session, token := (d.Token("eve@corp.example")).SignIn(), d.Token("eve@corp.example")
	for _, p := range []*desk.Person{session, token} {
		desk.Must(client.Get[client.Me](t.Context(), p.Client, "/me", nil))(t)
	}
	c.does("PATCH", "/Users/"+eve, patch(`{"op":"replace","path":"active","value":false}`))
	dead := func(when string) {
		t.Helper()
		for name, p := range map[string]*desk.Person{"session": session, "token": token} {
			if _, err := client.Get[client.Me](t.Context(), p.Client, "/me", nil); desk.Code(err) != "unauthenticated" {
				t.Errorf("%s: the %s is alive: %v", when, name, err)
			}
		}
	}
	dead("deactivated")
	c.does("PATCH", "/Users/"+eve, patch(`{"op":"replace","path":"active","value":true}`))
	dead("activated again")
	if err := d.Admin.Call(t.Context(), "PUT", "/users/eve@corp.example", nil, client.EditUser{Disabled: new(true)}, nil); err != nil {
		t.Fatal(err)
	}
	c.does("PUT", "/Users/"+eve, `{"userName":"eve@corp.example","active":true}`)
	c.has("eve@corp.example", "requester (disabled)")
	boss := c.user("boss@corp.example")
	team := c.group("admins", boss)
	c.means(client.DirectoryMapping{ID: team, Roles: []string{"administrator"}})
	c.has("boss@corp.example", "administrator")
	c.who = d.Token("boss@corp.example", "scim")
	head := d.Token("boss@corp.example").SignIn()
	if err := head.Call(t.Context(), "DELETE", "/users/admin", nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	c.refused(409, "*", "PATCH", "/Users/"+boss, patch(`{"op":"replace","path":"active","value":"False"}`))
	c.refused(409, "*", "DELETE", "/Users/"+boss, "")
	c.refused(409, "*", "PATCH", "/Groups/"+team, patch(`{"op":"remove","path":"members"}`))
	c.refused(409, "*", "DELETE", "/Groups/"+team, "")
	if _, err := head.EditDirectory(t.Context(), client.EditDirectory{Groups: &[]client.DirectoryMapping{}}); desk.Code(err) != "conflict" {
		t.Errorf("the last administrator loses the mapping: %v", err)
	}
	if me := desk.Must(client.Get[client.Me](t.Context(), head.Client, "/me", nil))(t); !slices.Equal(me.Roles, []string{"administrator"}) {
		t.Errorf("after all that: %v", me.Roles)
	}
}

// TestD9SCIMTouchesOnlyItsOwn: accounts that were here before are not seen, not
// taken over and not changed, unless the settings say so.
func TestD9SCIMTouchesOnlyItsOwn(t *testing.T) {
	d := desk.New(t)
	c := newCompany(t, d)
	bo := d.Person("bo", "approver")
	c.refused(409, "uniqueness", "POST", "/Users", `{"userName":"bo","active":false}`)
	c.refused(409, "uniqueness", "POST", "/Users", `{"userName":"ADMIN","active":false}`)
	c.refused(404, "", "GET", "/Users/"+bo.ID, "")
	c.refused(404, "", "PATCH", "/Users/"+bo.ID, patch(`{"op":"replace","path":"active","value":false}`))
	c.refused(404, "", "PUT", "/Users/"+bo.ID, `{"userName":"bo"}`)
	c.refused(404, "", "DELETE", "/Users/"+bo.ID, "")
	c.refused(400, "invalidValue", "POST", "/Groups", `{"displayName":"g","members":[{"value":"`+bo.ID+`"}]}`)
	if all := c.does("GET", "/Users", ""); all["totalResults"] != float64(0) {
		t.Errorf("the directory sees %s", desk.JSON(all))
	}
	c.has("bo", "approver")
	desk.Must(d.Admin.EditDirectory(t.Context(), client.EditDirectory{AdoptAccounts: new(true)}))(t)
	adopted := c.does("POST", "/Users", `{"userName":"Bo","displayName":"Bo Chen","active":true}`)
	if adopted["id"] != bo.ID {
		t.Errorf("adopted %s", desk.JSON(adopted))
	}
	c.has("bo", "approver")
	c.does("PATCH", "/Users/"+bo.ID, patch(`{"op":"replace","path":"active","value":false}`))
	c.has("bo", "approver (disabled)")
}

// TestD9SCIMRefusesWhatIsWrong: hostile and broken bodies are refused with a
// clear error, and unknown attributes are left alone.
func TestD9SCIMRefusesWhatIsWrong(t *testing.T) {
	d := desk.New(t)
	c := newCompany(t, d)
	eve := c.user("eve@corp.example")
	team := c.group("g", eve)
	user, group := "/Users/"+eve, "/Groups/"+team
	many := strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"nickName","value":"x"},`, 1001), ",")
	for _, row := range []struct {
		status             int
		kind               string
		method, path, body string
	}{
		{400, "invalidSyntax", "POST", "/Users", `{"userName":"a"`},
		{400, "invalidSyntax", "POST", "/Users", `[]`},
		{400, "invalidSyntax", "POST", "/Users", ``},
		{400, "invalidSyntax", "POST", "/Users", `{"userName":"a","USERNAME":"b"}`},
		{400, "invalidSyntax", "POST", "/Users", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)},
		{400, "invalidValue", "POST", "/Users", `{}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":""}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":7}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"a b"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"a\u001b[2J"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"a\u202eb"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"` + strings.Repeat("a", 65) + `"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","displayName":"a\u001b[2J"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","displayName":"` + strings.Repeat("a", 300) + `"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","active":"perhaps"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","active":1}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","emails":"a@b"}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","emails":[{"value":"a@b@c"}]}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","emails":[{"value":"a@b\r\nBcc: c@d"}]}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","emails":[` + strings.TrimSuffix(strings.Repeat(`{"value":"a@b"},`, 21), ",") + `]}`},
		{400, "invalidValue", "POST", "/Users", `{"userName":"x","name":"y"}`},
		{400, "invalidSyntax", "PATCH", user, `{"Operations":[{"op":"replace","path":"active","value":false}]}`},
		{400, "invalidSyntax", "PATCH", user, patch()},
		{400, "invalidSyntax", "PATCH", user, patch(many)},
		{400, "invalidSyntax", "PATCH", user, patch(`{"op":"move","path":"active"}`)},
		{400, "invalidSyntax", "PATCH", user, patch(`"replace"`)},
		{400, "noTarget", "PATCH", user, patch(`{"op":"remove"}`)},
		{400, "invalidValue", "PATCH", user, patch(`{"op":"replace","value":"x"}`)},
		{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":"emails[type eq","value":"x"}`)},
		{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":"a b","value":"x"}`)},
		{400, "invalidPath", "PATCH", user, patch(`{"op":"replace","path":7,"value":"x"}`)},
		{400, "mutability", "PATCH", user, patch(`{"op":"replace","path":"id","value":"usr_1"}`)},
		{400, "mutability", "PATCH", user, patch(`{"op":"add","path":"groups","value":[{"value":"` + team + `"}]}`)},
		{400, "invalidValue", "PATCH", user, patch(`{"op":"remove","path":"userName"}`)},
		{400, "invalidValue", "PATCH", user, patch(`{"op":"remove","path":"active"}`)},
		{400, "invalidValue", "PATCH", user, patch(`{"op":"replace","path":"active","value":"maybe"}`)},
		{400, "invalidFilter", "GET", "/Users?filter=userName%20co%20%22a%22", ""},
		{400, "invalidFilter", "GET", "/Users?filter=password%20eq%20%22a%22", ""},
		{400, "invalidFilter", "GET", "/Users?filter=userName%20eq%20%22a%22%20or%20id%20eq%20%22b%22", ""},
		{400, "invalidFilter", "GET", "/Users?filter=userName%20eq%20%22a%22)%3B--", ""},
		{400, "invalidFilter", "GET", "/Users?filter=" + strings.Repeat("id%20eq%20%22a%22%20and%20", 5) + "id%20eq%20%22a%22", ""},
		{400, "invalidValue", "GET", "/Users?count=ten", ""},
		{404, "", "GET", "/Users/usr_nobody", ""},
		{404, "", "GET", "/Users/..%2fGroups", ""},
		{404, "", "GET", "/Schemas/nothing", ""},
		{404, "", "POST", "/Bulk", `{}`},
		{404, "", "POST", "/Me", `{}`},
		{404, "", "PATCH", "/Users", patch(`{"op":"remove","path":"x"}`)},
		{409, "uniqueness", "POST", "/Groups", `{"displayName":"G"}`},
		{400, "invalidValue", "POST", "/Groups", `{}`},
		{400, "invalidValue", "POST", "/Groups", `{"displayName":"a\u0007b"}`},
		{400, "invalidValue", "POST", "/Groups", `{"displayName":"n","members":[{"value":"` + team + `","type":"Group"}]}`},
		{400, "invalidValue", "POST", "/Groups", `{"displayName":"n","members":[{"value":"usr_019aa8d2-1111-7c41-9d10-3b1f0c5f2a77"}]}`},
		{400, "invalidValue", "PATCH", group, patch(`{"op":"remove","path":"displayName"}`)},
		{400, "invalidPath", "PATCH", group, patch(`{"op":"remove","path":"members[display eq \"x\"]"}`)},
		{400, "invalidPath", "PATCH", group, patch(`{"op":"add","path":"members[value eq \"x\"]","value":"y"}`)},
		{413, "", "POST", "/Groups", `{"displayName":"` + strings.Repeat("a", 5<<20) + `"}`},
	} {
		c.refused(row.status, row.kind, row.method, row.path, row.body)
	}
	if status, _, _ := d.Raw(c.who, "POST", "/scim/v2/Users", "userName=a", "Content-Type", "application/x-www-form-urlencoded"); status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d", status)
	}
	c.does("PATCH", user, patch(`{"op":"replace","path":"nickName","value":{"deep":[1,2]}}`, `{"op":"remove","path":"addresses[type eq \"work\"]"}`))
	if got := c.does("GET", user, ""); got["active"] != true || got["userName"] != "eve@corp.example" {
		t.Errorf("after all that: %s", desk.JSON(got))
	}
}

// TestD9SCIMListsInPages: lists are bounded and begin where they are told to.
func TestD9SCIMListsInPages(t *testing.T) {
	d := desk.New(t)
	c := newCompany(t, d)
	var ids []string
	for i := range 5 {
		ids = append(ids, c.user(fmt.Sprintf("u%d@corp.example", i)))
	}
	for query, want := range map[string][3]int{ // total, first, how many
		"": {5, 1, 5}, "startIndex=2&count=2": {5, 2, 2}, "startIndex=5&count=2": {5, 5, 1}, "startIndex=99": {5, 99, 0}, "count=0": {5, 1, 0},
		"startIndex=0&count=-3": {5, 1, 0}, "count=1000000": {5, 1, 5}, "filter=emails%5Btype%20eq%20%22work%22%5D.value%20eq%20%22u3@corp.example%22": {1, 1, 1},
		"filter=externalId%20eq%20%22ext-u1@corp.example%22&attributes=userName": {1, 1, 1},
	} {
		got := c.does("GET", "/Users?"+query, "")
		list, _ := got["Resources"].([]any)
		if got["totalResults"] != float64(want[0]) || got["startIndex"] != float64(want[1]) || len(list) != want[2] || got["itemsPerPage"] != float64(want[2]) {
			t.Errorf("%s: %s", query, desk.JSON(got))
		}
		if strings.Contains(query, "attributes") && (list[0].(map[string]any)["emails"] != nil || list[0].(map[string]any)["userName"] == nil) {
			t.Errorf("%s: %s", query, desk.JSON(got))
		}
	}
	for _, path := range []string{"/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/ResourceTypes/User", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group"} {
		if got := c.does("GET", path, ""); got["schemas"] == nil {
			t.Errorf("%s: %s", path, desk.JSON(got))
		}
	}
	if got := c.does("GET", "/Users/"+ids[0], ""); got["meta"].(map[string]any)["location"] != d.Controller.URL()+"/scim/v2/Users/"+ids[0] {
		t.Errorf("it stands at %s", desk.JSON(got["meta"]))
	}
}

// TestD9SCIMIsForDirectoriesAlone: only a token with the scope for it, of an
// administrator over all endpoints, and that token for nothing else.
func TestD9SCIMIsForDirectoriesAlone(t *testing.T) {
	d := desk.New(t)
	d.Person("req")
	d.Person("aud", "auditor")
	d.Person("app", "approver")
	d.Scoped("part", map[string]string{"site": "berlin"}, "administrator")
	operations := []string{"GET /Users", "POST /Users", "GET /Users/usr_1", "PUT /Users/usr_1", "PATCH /Users/usr_1", "DELETE /Users/usr_1",
		"GET /Groups", "POST /Groups", "GET /Groups/grp_1", "PUT /Groups/grp_1", "PATCH /Groups/grp_1", "DELETE /Groups/grp_1",
		"GET /ServiceProviderConfig", "GET /Schemas", "GET /Schemas/x", "GET /ResourceTypes", "GET /ResourceTypes/x"}
	for name, row := range map[string]struct {
		who    *desk.Person
		status int
	}{
		"nobody": {nil, 401}, "admin.token": {d.Admin, 403}, "an administrator's token": {d.Token("admin"), 403},
		"a token for users": {d.Token("admin", "users"), 403}, "every other scope": {d.Token("admin", "requests.read", "requests.decide", "rules", "endpoints", "users", "audit.read", "metrics"), 403},
		"an approver's token for directories": {d.Token("app", "scim"), 403}, "an auditor's": {d.Token("aud", "scim"), 403}, "a requester's": {d.Token("req", "scim"), 403},
		"of an administrator of some endpoints": {d.Token("part", "scim"), 403},
	} {
		for _, op := range operations {
			verb, path, _ := strings.Cut(op, " ")
			body := ""
			if verb != "GET" && verb != "DELETE" {
				body = `{"userName":"mallory","displayName":"mallory","schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`
			}
			if status, _, text := d.Raw(row.who, verb, "/scim/v2"+path, body); status != row.status {
				t.Errorf("%s by %s: %d %s", op, name, status, text)
			}
		}
	}
	session := d.Admin.SignIn()
	req := desk.Must(http.NewRequestWithContext(t.Context(), "GET", d.URL+"/scim/v2/Users", nil))(t)
	resp := desk.Must(session.HTTP.Do(req))(t)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("by a browser's session: %s", resp.Status)
	}
	c := newCompany(t, d)
	c.does("GET", "/Users", "")
	for _, path := range []string{"/users", "/requests", "/tokens", "/directory", "/identity-providers", "/settings", "/audit"} {
		if _, err := client.Get[client.List[client.User]](t.Context(), c.who.Client, path, nil); desk.Code(err) != "forbidden" {
			t.Errorf("a directory's token reads %s: %v", path, err)
		}
	}
	if _, err := c.who.EditDirectory(t.Context(), client.EditDirectory{Groups: &[]client.DirectoryMapping{}}); desk.Code(err) != "forbidden" {
		t.Errorf("a directory says itself what its groups mean: %v", err)
	}
}
