package admin

import (
	"encoding/json"

	"github.com/assent-epm/assent/controller/store"
)

// ChannelStream is how far a log server has followed the audit log.
type ChannelStream struct {
	Seq    uint64 // the other side has every event up to there
	Behind uint64 // events that it is not known to have
	Error  string // why it does not follow now; "" when it does
}

// streamOf is the stream of a channel, nil when it is none.
func (a *Admin) streamOf(tx *store.Tx, c Channel) (*ChannelStream, error) {
	var config struct {
		Stream bool `json:"stream"`
	}
	if c.Kind != "syslog" || json.Unmarshal(c.Shown, &config) != nil || !config.Stream {
		return nil, nil
	}
	st, err := tx.Stream(c.Channel)
	if err != nil {
		return nil, err
	}
	last, err := tx.LastEvent()
	return &ChannelStream{Seq: st.Pos, Behind: last - min(st.Pos, last), Error: a.cfg.Channels.StreamError(c.ID)}, err
}
