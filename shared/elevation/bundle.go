package elevation

import "time"

// BundleLasts is how long an endpoint may act on a bundle after it was made.
const BundleLasts = 24 * time.Hour

// MaxBundle is the largest signed bundle, in bytes; it leaves room for the frame.
const MaxBundle = 200_000

// Bundle are the rules that one endpoint may use while the controller can not be
// reached, with what those rules may look at beside the attempt. An endpoint asks
// a person whatever a bundle does not answer.
type Bundle struct {
	Cluster  string            `cbor:"cluster"`
	Endpoint EndpointID        `cbor:"endpoint"`
	Number   uint64            `cbor:"number"`  // only grows; an older one is refused
	Version  int64             `cbor:"version"` // of the rules, as references to them say
	At       time.Time         `cbor:"at"`
	NotAfter time.Time         `cbor:"not_after"`
	Name     string            `cbor:"name"` // of the endpoint
	OS       string            `cbor:"os"`
	Arch     string            `cbor:"arch"`
	Labels   map[string]string `cbor:"labels"` // that rules trust
	Zone     string            `cbor:"zone"`   // of hours that name none
	Rules    []BundledRules    `cbor:"rules"`  // that can be about this endpoint and decide; none of them only observes
	KeyEpoch uint64            `cbor:"key_epoch"`
}

// BundledRules are the rules of one text: those written by people, or of one pack.
type BundledRules struct {
	Pack   string `cbor:"pack"`   // name@version, "" = written by people
	Asking bool   `cbor:"asking"` // what denies asks a person instead
	YAML   []byte `cbor:"yaml"`
}
