package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
)

// EvidenceFormat names the form of an evidence bundle.
// History: 1 of 2026-11-22, the first.
const EvidenceFormat = "assent-evidence/1"

// ProveRows makes the proofs of several events against one checkpoint, the
// newest. Rows that are not signed yet are left out and counted.
func ProveRows(ctx context.Context, store Store, rows []Row) (proofs []Proof, unsigned int, err error) {
	head, err := store.AuditHead(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("prove audit events: %w", err)
	}
	read := tlog.HashReaderFunc(func(index []int64) ([]tlog.Hash, error) { return store.AuditHashes(ctx, index) })
	for _, r := range rows {
		if r.Seq == 0 || r.Seq > head.Checkpoint.Size {
			unsigned++
			continue
		}
		path, err := tlog.ProveRecord(int64(head.Checkpoint.Size), int64(r.Seq-1), read)
		if err != nil {
			return nil, 0, fmt.Errorf("prove audit event %d: %w", r.Seq, err)
		}
		proofs = append(proofs, Proof{Seq: r.Seq, Leaf: r.Leaf, Path: path, Checkpoint: head.Checkpoint})
	}
	return proofs, unsigned, nil
}

// Hashes is the proof's path as text, from the leaf up.
func (p Proof) Hashes() []string {
	out := make([]string, len(p.Path))
	for i, h := range p.Path {
		out[i] = h.String()
	}
	return out
}

// ShownText is one text of an event with the salt of its hash.
type ShownText struct {
	Salt []byte
	Text string
}

// Texts are what people wrote, with the salts that prove them by the leaf;
// those that were forgotten are left out.
func (r Row) Texts() (map[string]ShownText, error) {
	l, err := openLeaf(r.Leaf)
	if err != nil {
		return nil, err
	}
	secrets, err := openText(l, r.Text)
	out := map[string]ShownText{}
	for k, s := range secrets {
		out[k] = ShownText(s)
	}
	return out, err
}

// evidence is a bundle as it is read back. What is not here is for people.
type evidence struct {
	Format  string `json:"format"`
	Request struct {
		ID elevation.RequestID `json:"id"`
	} `json:"request"`
	Events     []json.RawMessage `json:"events"`
	Checkpoint struct {
		Size uint64 `json:"size"`
		Note string `json:"note"`
		Key  string `json:"key"`
	} `json:"checkpoint"`
	Unsigned int    `json:"unsigned"`
	Grant    []byte `json:"grant"`
	KeySet   []byte `json:"key_set"`
	Root     struct {
		ID     string `json:"id"`
		Public []byte `json:"public"`
	} `json:"root_key"`
}

// EvidenceResult describes a bundle that was proven.
type EvidenceResult struct {
	Request       elevation.RequestID
	Cluster       string
	Events        int
	Unsigned      int // that were too new to be proved when it was made
	Forgotten     int // texts that were deleted; their hashes are proven
	Key           string
	KeyFromBundle bool // nobody but the bundle itself says that the key is right
	SignedAt      time.Time
	Grant         elevation.GrantID // signed by a key of the bundle's key set; "" = none, or not proved
	GrantUnproved string            // why a grant that is there is not proved
}

// maxEvidence is the largest bundle that is read, in bytes.
const maxEvidence = 64 << 20

// VerifyEvidence proves a bundle without a controller: each event is what was
// logged and is in the tree that the checkpoint signs. It does not prove that no
// event was left out of the bundle; only the whole log shows that. The error is
// a *[Fault].
func VerifyEvidence(raw []byte, o Options) (EvidenceResult, error) {
	var b evidence
	if len(raw) > maxEvidence {
		return EvidenceResult{}, unreadable("the bundle", fmt.Errorf("larger than %d bytes", maxEvidence))
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return EvidenceResult{}, unreadable("the bundle", err)
	}
	if b.Format != EvidenceFormat {
		return EvidenceResult{}, unreadable("the bundle", fmt.Errorf("it is not %s", EvidenceFormat))
	}
	r := EvidenceResult{Request: b.Request.ID, Unsigned: b.Unsigned, Key: strings.TrimSpace(o.Key)}
	if r.Key == "" {
		r.Key, r.KeyFromBundle = strings.TrimSpace(b.Checkpoint.Key), true
	}
	said, err := openCheckpoint([]byte(b.Checkpoint.Note), r.Key)
	if errors.Is(err, ErrKey) {
		return r, &Fault{Wrong: ForeignKey, Text: "the checkpoint is not signed by the audit key, or was changed"}
	}
	if err != nil {
		return r, unreadable("the checkpoint", err)
	}
	r.Cluster, r.SignedAt = said.Cluster, said.At
	last := uint64(0)
	for _, raw := range b.Events {
		seq, err := r.proveEvent(raw, said)
		if err != nil {
			return r, err
		}
		if seq <= last {
			return r, &Fault{Wrong: Reordered, Seq: seq, Text: "it does not come after the one before it"}
		}
		last = seq
		r.Events++
	}
	return r, r.proveGrant(b)
}

// proveEvent holds one event against its leaf, and that against the tree.
func (r *EvidenceResult) proveEvent(raw []byte, said statement) (uint64, error) {
	var x struct {
		exportedEvent
		Path []string `json:"path"`
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		return 0, unreadable("an event", err)
	}
	changed := func(why string) *Fault { return &Fault{Wrong: Changed, Seq: x.Seq, ID: string(x.ID), Text: why} }
	line, err := json.Marshal(x.exportedEvent)
	if err != nil {
		return 0, unreadable("an event", err)
	}
	f, forgotten := readEvent(bytes.TrimSpace(line))
	switch {
	case f.fault != "":
		return 0, changed(f.fault)
	case x.Request != r.Request:
		return 0, &Fault{Wrong: Added, Seq: x.Seq, ID: string(x.ID), Text: "it is of another request"}
	case x.Seq == 0 || x.Seq > said.Size:
		return 0, &Fault{Wrong: Added, Seq: x.Seq, ID: string(x.ID), Text: "it was never signed"}
	}
	r.Forgotten += max(forgotten, 0)
	path := make(tlog.RecordProof, len(x.Path))
	for i, text := range x.Path {
		if path[i], err = tlog.ParseHash(text); err != nil {
			return 0, unreadable("the path of an event", err)
		}
	}
	if err := tlog.CheckRecord(path, int64(said.Size), said.Root, int64(x.Seq-1), f.hash); err != nil {
		return 0, changed("the hashes do not lead to what was signed")
	}
	return x.Seq, nil
}

// proveGrant checks the signature of the grant with the key set, and that with
// the root key of the bundle.
func (r *EvidenceResult) proveGrant(b evidence) error {
	if len(b.Grant) == 0 {
		return nil
	}
	set, err := sign.OpenKeySet(b.KeySet, b.Root.ID, ed25519.PublicKey(b.Root.Public), 0)
	if err != nil {
		return &Fault{Wrong: ForeignKey, Text: "the key set is not signed by the root key: " + err.Error()}
	}
	var g elevation.Grant
	err = errors.New("no key of the set is valid")
	for _, k := range set.Keys {
		if err = set.Open(sign.Grant, b.Grant, k.NotBefore, &g); err == nil {
			break
		}
	}
	switch {
	case errors.Is(err, sign.ErrKey):
		r.GrantUnproved = "its key is not in the present key set any more"
		return nil
	case err != nil:
		return &Fault{Wrong: Changed, Text: "the grant: " + err.Error()}
	case g.Request != r.Request || g.Cluster != r.Cluster:
		return &Fault{Wrong: Added, Text: "the grant is of another request"}
	}
	r.Grant = g.ID
	return nil
}
