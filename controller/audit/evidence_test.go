package audit

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// TestEvidence makes a bundle, proves it, and finds every change of it.
func TestEvidence(t *testing.T) {
	day := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	_, auditKey, _ := ed25519.GenerateKey(nil)
	rootPublic, rootKey, _ := ed25519.GenerateKey(nil)
	grantPublic, grantKey, _ := ed25519.GenerateKey(nil)
	signer, err := newNoteSigner(sign.Signer{KeyID: "audit-1", Key: auditKey})
	if err != nil {
		t.Fatal(err)
	}
	var tree []tlog.Hash
	read := tlog.HashReaderFunc(func(index []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(index))
		for i, x := range index {
			out[i] = tree[x]
		}
		return out, nil
	})
	var rows []Row
	for i, k := range []Kind{AuthLogin, RequestSubmitted, RequestReviewed, RequestApproved, AuthLogin} {
		e := Event{At: day.Add(time.Duration(i) * time.Second), Kind: k, Actor: elevation.Actor{Kind: elevation.ByUser, ID: "usr_bo", Name: "bo"},
			Data: map[string]string{"verdict": "approved"}, Text: map[string]string{"comment": "fine"}}
		if k != AuthLogin {
			e.Request = "req_1"
		}
		row, err := Seal(e)
		if err != nil {
			t.Fatal(err)
		}
		row.Seq = uint64(i) + 1
		rows = append(rows, row)
		more, err := tlog.StoredHashes(int64(i), row.Leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		tree = append(tree, more...)
	}
	root, _ := tlog.TreeHash(5, read)
	note, err := signer.checkpoint(statement{Cluster: "c1", Size: 5, Root: root, At: day})
	if err != nil {
		t.Fatal(err)
	}
	set, _ := sign.Signer{KeyID: "root", Key: rootKey}.Sign(sign.Keys, sign.KeySet{Cluster: "c1", Epoch: 1,
		Keys: []sign.PublicKey{{ID: "k1", Public: grantPublic, NotBefore: day.Add(-time.Hour), NotAfter: day.Add(time.Hour)}}})
	grant, _ := sign.Signer{KeyID: "k1", Key: grantKey}.Sign(sign.Grant, elevation.Grant{Cluster: "c1", ID: "gr_1", Request: "req_1"})
	foreign, _ := sign.Signer{KeyID: "k1", Key: rootKey}.Sign(sign.Grant, elevation.Grant{Cluster: "c1", ID: "gr_1", Request: "req_1"})
	other, _ := sign.Signer{KeyID: "k1", Key: grantKey}.Sign(sign.Grant, elevation.Grant{Cluster: "c1", ID: "gr_2", Request: "req_2"})
	gone, _ := sign.Signer{KeyID: "k0", Key: grantKey}.Sign(sign.Grant, elevation.Grant{Cluster: "c1", ID: "gr_1", Request: "req_1"})

	event := func(i int) map[string]any {
		x, err := exportRow(rows[i])
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(x)
		var m map[string]any
		_ = json.Unmarshal(raw, &m)
		path, err := tlog.ProveRecord(5, int64(i), read)
		if err != nil {
			t.Fatal(err)
		}
		m["path"] = Proof{Path: path}.Hashes()
		return m
	}
	bundle := func(change func(b map[string]any)) []byte {
		b := map[string]any{"format": EvidenceFormat, "request": map[string]any{"id": "req_1", "state": "available"}, "unsigned": 0,
			"events":     []any{event(1), event(2), event(3)},
			"checkpoint": map[string]any{"size": 5, "note": string(note), "key": signer.verifierKey()},
			"grant":      grant, "key_set": set, "root_key": map[string]any{"id": "root", "public": []byte(rootPublic)}}
		if change != nil {
			change(b)
		}
		raw, err := json.MarshalIndent(b, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	r, err := VerifyEvidence(bundle(nil), Options{})
	if err != nil || r.Events != 3 || r.Grant != "gr_1" || !r.KeyFromBundle || r.Cluster != "c1" || r.Request != "req_1" {
		t.Fatalf("a good bundle: %+v %v", r, err)
	}
	if r, err := VerifyEvidence(bundle(nil), Options{Key: signer.verifierKey()}); err != nil || r.KeyFromBundle {
		t.Errorf("with the key: %+v %v", r, err)
	}
	if r, err := VerifyEvidence(bundle(func(b map[string]any) { b["grant"] = gone }), Options{}); err != nil || r.Grant != "" || r.GrantUnproved == "" {
		t.Errorf("a grant of a key that is not there any more: %+v %v", r, err)
	}
	if r, err := VerifyEvidence(bundle(func(b map[string]any) { delete(event2(b, 0), "text") }), Options{}); err != nil || r.Forgotten != 1 {
		t.Errorf("a text that was forgotten: %+v %v", r, err)
	}
	for name, tt := range map[string]struct {
		change func(b map[string]any)
		want   Wrong
	}{
		"another kind":  {func(b map[string]any) { event2(b, 2)["kind"] = "request.denied" }, Changed},
		"another place": {func(b map[string]any) { event2(b, 2)["seq"] = 5 }, Changed},
		"another time":  {func(b map[string]any) { event2(b, 0)["at"] = "2026-11-22T10:00:09Z" }, Changed},
		"another comment": {func(b map[string]any) {
			event2(b, 0)["text"].(map[string]any)["comment"].(map[string]any)["text"] = "no"
		}, Changed},
		"no path":            {func(b map[string]any) { event2(b, 1)["path"] = []string{} }, Changed},
		"a bad path":         {func(b map[string]any) { event2(b, 1)["path"] = []string{"x"} }, Unreadable},
		"an event of others": {func(b map[string]any) { b["events"] = []any{event(0)} }, Added},
		"twice":              {func(b map[string]any) { b["events"] = []any{event(1), event(1)} }, Reordered},
		"turned around":      {func(b map[string]any) { b["events"] = []any{event(2), event(1)} }, Reordered},
		"another request":    {func(b map[string]any) { b["request"] = map[string]any{"id": "req_2"} }, Added},
		"another key":        {func(b map[string]any) { b["checkpoint"].(map[string]any)["key"] = "x+00000000+AAAA" }, Unreadable},
		"another size": {func(b map[string]any) {
			b["checkpoint"].(map[string]any)["note"] = strings.Replace(string(note), "\n5\n", "\n6\n", 1)
		}, ForeignKey},
		"a grant of others":     {func(b map[string]any) { b["grant"] = other }, Added},
		"a grant signed anew":   {func(b map[string]any) { b["grant"] = foreign }, Changed},
		"a key set of others":   {func(b map[string]any) { b["root_key"].(map[string]any)["public"] = []byte(grantPublic) }, ForeignKey},
		"another format":        {func(b map[string]any) { b["format"] = "assent-evidence/9" }, Unreadable},
		"events are no objects": {func(b map[string]any) { b["events"] = []any{7} }, Unreadable},
	} {
		_, err := VerifyEvidence(bundle(tt.change), Options{})
		var f *Fault
		if !errors.As(err, &f) || f.Wrong != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := VerifyEvidence([]byte("{"), Options{}); err == nil {
		t.Error("half a bundle")
	}
	if _, err := VerifyEvidence(make([]byte, maxEvidence+1), Options{}); err == nil {
		t.Error("a bundle that is too large")
	}
}

// event2 is one event of a bundle.
func event2(b map[string]any, i int) map[string]any { return b["events"].([]any)[i].(map[string]any) }
