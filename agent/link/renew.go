package link

import (
	"crypto/x509"
	"fmt"

	"github.com/assent-epm/assent/shared/wire"
)

// renew asks for a new certificate once the present one has lived half its
// life. The key stays: the controller knows the endpoint by it.
func (s *session) renew() error {
	id := s.link.Identity()
	leaf, err := x509.ParseCertificate(id.Chain[0])
	if err != nil {
		return err
	}
	now := s.link.now()
	if now.Before(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore)/2)) ||
		!s.renewedAt.IsZero() && now.Before(s.renewedAt.Add(renewRetry)) {
		return nil
	}
	csr, err := makeCSR(id.Key)
	if err != nil {
		return err
	}
	s.renewedAt = now
	return s.say(wire.TRenew, wire.Renew{CSR: csr})
}

func (s *session) handleRenewed(f wire.Frame) error {
	var m wire.Renewed
	if err := f.Into(&m); err != nil {
		return err
	}
	l := s.link
	id := l.Identity()
	leaf, err := id.checkChain(m.Chain)
	if err != nil {
		return fmt.Errorf("take renewed certificate: %w", err)
	}
	if err := saveChain(l.cfg.Dir, m.Chain); err != nil {
		return fmt.Errorf("take renewed certificate: %w", err)
	}
	l.mu.Lock()
	l.id.Chain = m.Chain
	l.mu.Unlock()
	l.log.Info("certificate renewed", "not_after", leaf.NotAfter)
	return nil
}
