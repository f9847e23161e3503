package queue

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
)

// A strong link that has only a name, or only a uid, and a user whom an approver
// names are enough: the endpoint is asked who that is, once.
func TestFiledForWhoHasAskedForNothing(t *testing.T) {
	tom := elevation.User{Name: "tom", UID: "1007", Groups: []string{"tom"}}
	silent := errors.New("it does not answer")
	for name, row := range map[string]struct {
		link  delegation.Link
		by    auth.Actor
		for_  string
		says  elevation.User
		err   error
		want  error
		text  string
		asked string
	}{
		"by name":              {delegation.Link{Name: "tom"}, who("audrey", auth.Auditor), "", tom, nil, nil, "", "tom/"},
		"by uid":               {delegation.Link{UID: "1007"}, who("audrey", auth.Auditor), "", tom, nil, nil, "", "/1007"},
		"by uid, named":        {delegation.Link{UID: "1007"}, who("audrey", auth.Auditor), "Tom", tom, nil, nil, "", "/1007"},
		"with a domain":        {delegation.Link{Directory: "CORP", Name: "tom"}, who("audrey", auth.Auditor), "", elevation.User{Name: `CORP\tom`, UID: "1007"}, nil, nil, "", "tom/"},
		"another domain":       {delegation.Link{Directory: "CORP", Name: "tom"}, who("audrey", auth.Auditor), "", elevation.User{Name: `OTHER\tom`, UID: "1007"}, nil, elevation.ErrNotAllowed, "not linked", "tom/"},
		"named otherwise":      {delegation.Link{}, who("bo", auth.Approver), "tom", elevation.User{Name: `CORP\tom`, UID: "1007"}, nil, elevation.ErrConflict, `calls that user "CORP`, "tom/"},
		"by name, named":       {delegation.Link{Name: "tom"}, who("audrey", auth.Auditor), "tom", tom, nil, nil, "", "tom/"},
		"as somebody else":     {delegation.Link{Name: "tom"}, who("audrey", auth.Auditor), "ann", tom, nil, elevation.ErrNotAllowed, "not linked", ""},
		"by an approver":       {delegation.Link{}, who("bo", auth.Approver), "tom", tom, nil, nil, "", "tom/"},
		"for themself":         {delegation.Link{UID: "1007"}, who("bo", auth.Approver), "tom", tom, nil, elevation.ErrSelfApproval, "", "tom/"},
		"no link":              {delegation.Link{}, who("audrey", auth.Auditor), "", tom, nil, elevation.ErrNotAllowed, "linked", ""},
		"no such user":         {delegation.Link{Name: "tom"}, who("audrey", auth.Auditor), "", elevation.User{}, elevation.ErrNotFound, elevation.ErrNotAllowed, `does not find a user "tom"`, "tom/"},
		"no such user, named":  {delegation.Link{}, who("bo", auth.Approver), "tom", elevation.User{}, elevation.ErrNotFound, elevation.ErrConflict, `does not find a user "tom"`, "tom/"},
		"nothing is said":      {delegation.Link{Name: "tom"}, who("audrey", auth.Auditor), "", elevation.User{}, silent, elevation.ErrNotAllowed, "try again when it is connected", "tom/"},
		"somebody else's uid":  {delegation.Link{UID: "1007"}, who("audrey", auth.Auditor), "", elevation.User{Name: "tom", UID: "1008"}, nil, elevation.ErrNotAllowed, "", "/1007"},
		"somebody else's name": {delegation.Link{}, who("bo", auth.Approver), "tom", elevation.User{Name: "ann", UID: "1007"}, nil, elevation.ErrConflict, "", "tom/"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "").people()
			b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
				e, err := tx.Endpoint(ep)
				if err != nil {
					return err
				}
				e.Capabilities = []string{string(elevation.Session)}
				if row.link != (delegation.Link{}) {
					row.link.User, row.link.Endpoint = row.by.User, ep
					if row.link.Directory != "" {
						row.link.Endpoint = ""
					}
					err = tx.PutLink(store.Link{ID: elevation.LinkID(elevation.NewID(elevation.LinkPrefix, day)), MadeAt: day, Link: row.link})
				}
				return errors.Join(err, tx.PutEndpoint(e), tx.Append(audit.Event{At: day, Kind: audit.LinkChanged, Actor: system()}))
			}))
			asked := []string{}
			b.cfg.Who = func(_ context.Context, at elevation.EndpointID, name, uid string) (elevation.User, error) {
				asked = append(asked, name+"/"+uid)
				if at != ep {
					t.Errorf("asked %s", at)
				}
				return row.says, row.err
			}
			v, made, err := b.File(context.Background(), row.by, FileIn{AccessType: elevation.Session, Endpoint: "web-1", ForUser: row.for_, Justification: "the disk is full again"})
			if !errors.Is(err, row.want) || err != nil && !strings.Contains(err.Error(), row.text) {
				t.Fatalf("%v", err)
			}
			if got := strings.Join(asked, " "); got != row.asked {
				t.Errorf("asked %q, want %q", got, row.asked)
			}
			if u := v.Request.Attempt.User; row.want == nil && (!made || u.Name != row.says.Name || u.UID != "1007") {
				t.Errorf("filed for %+v", u)
			}
		})
	}
}
