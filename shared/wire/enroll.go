package wire

import "github.com/assent-epm/assent/shared/elevation"

// EnrollPath and SessionPath are the paths on the agents' address.
const (
	EnrollPath  = "/agent/v1/enroll"
	SessionPath = "/agent/v1/session"
)

// ALPN is a protocol that agents offer in TLS (RFC 7301) before http/1.1, which
// is what is chosen: it tells an address that serves browsers too whom it has
// before it.
const ALPN = "assent/1"

// ServerName is the TLS name every gateway of a cluster proves, whatever
// address it is reached at.
func ServerName(cluster string) string { return "gateway." + cluster }

// ReportedInstall is the key under which facts say how the agent was installed. It
// decides only how an endpoint begins whose token names no mode.
const (
	ReportedInstall    = "installed_by"
	InstalledByPackage = "package"
)

// Enroll is POSTed as CBOR to EnrollPath after the agent has checked that the
// server's chain ends in the root whose fingerprint the token carries.
type Enroll struct {
	Token string `cbor:"token"`
	CSR   []byte `cbor:"csr"` // DER; only the public key is used
	Facts Facts  `cbor:"facts"`
}

// Enrolled binds the endpoint to the cluster.
type Enrolled struct {
	Endpoint  elevation.EndpointID `cbor:"endpoint"`
	Cluster   string               `cbor:"cluster"`
	Chain     [][]byte             `cbor:"chain"` // DER, leaf first
	CARoot    []byte               `cbor:"ca"`    // DER, the agents' CA
	RootKeyID string               `cbor:"root_id"`
	RootKey   []byte               `cbor:"root"`   // Ed25519, signs key sets
	KeySet    []byte               `cbor:"keyset"` // signed
	Mode      string               `cbor:"mode"`   // "ask" or "observe"
}
