package peer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/peer/agree"
)

// handshakePatience bounds all that comes before a proof.
const handshakePatience = 5 * time.Second

// identity is what this process is in all its meetings.
type identity struct {
	hello agree.Hello
	cert  tls.Certificate
}

func newIdentity() (*identity, error) {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key of a certificate: %w", err)
	}
	// Nobody looks at what it says: it is there because TLS wants one.
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &identity{
		hello: agree.Hello{Protocol: agree.Version, Oldest: agree.Oldest, ID: fmt.Sprintf("%x", id)},
		cert:  tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private},
	}, nil
}

// secure puts TLS over a connection. Certificates prove nothing here: the proofs do, which are of this
// session.
func (i *identity) secure(c net.Conn, role agree.Role) *tls.Conn {
	config := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.cert}, SessionTicketsDisabled: true,
		ClientAuth: tls.RequireAnyClientCert, InsecureSkipVerify: true,
	}
	if role == agree.Dialer {
		return tls.Client(c, config)
	}
	return tls.Server(c, config)
}

// met is who has proved the key.
type met struct {
	agree.Hello
	version int
}

// meet makes a session of a connection: both say who they are, and prove that they have the key. The
// one that has dialed speaks first. It does not close the connection.
func (i *identity) meet(ctx context.Context, c *tls.Conn, role agree.Role, host string, key []byte) (met, error) {
	if err := c.SetDeadline(time.Now().Add(handshakePatience)); err != nil {
		return met{}, err
	}
	if err := c.HandshakeContext(ctx); err != nil {
		return met{}, err
	}
	state := c.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(agree.ExporterLabel, nil, agree.ExporterSize)
	if err != nil {
		return met{}, fmt.Errorf("asking the session for a value: %w", err)
	}
	own := i.hello
	own.Name = host
	said, err := json.Marshal(own)
	if err != nil {
		return met{}, err
	}
	m := &meeting{c: c, dials: role == agree.Dialer}
	heard, err := m.exchange(kindHello, said)
	if err != nil {
		return met{}, err
	}
	other, err := agree.Read(heard)
	if err != nil {
		return met{}, err
	}
	version, err := agree.Agreed(own, other)
	if err != nil {
		return met{}, err
	}
	ours := agree.Proof(key, agree.Claim{
		Role: role, Version: version, Name: host, Hello: said, Heard: heard, Exporter: exporter,
	})
	theirs := agree.Claim{
		Role: role.Other(), Version: version, Name: other.Name, Hello: heard, Heard: said, Exporter: exporter,
	}
	m.proves = func(proof []byte) bool { return agree.Proves(key, theirs, proof) }
	if _, err := m.exchange(kindProof, ours); err != nil {
		return met{}, err
	}
	return met{other, version}, c.SetDeadline(time.Time{})
}

// meeting is a session before the proofs.
type meeting struct {
	c      *tls.Conn
	dials  bool
	proves func(proof []byte) bool
}

// exchange sends a frame and receives one of the same kind. Who has dialed sends first; the other one
// proves nothing to somebody who has not.
func (m *meeting) exchange(kind byte, say []byte) (heard []byte, err error) {
	if m.dials {
		if err := writeFrame(m.c, kind, say); err != nil {
			return nil, err
		}
	}
	is, heard, err := readFrame(m.c, agree.MaxHello)
	switch {
	case err != nil:
		return nil, err
	case is == kindRefused && kind == kindProof:
		return nil, fmt.Errorf("it refuses this host: %w", agree.ErrKey)
	case is != kind:
		return nil, fmt.Errorf("it sends a frame of kind %q in the place of %q", is, kind)
	case kind == kindProof && !m.proves(heard):
		if !m.dials {
			_ = writeFrame(m.c, kindRefused, nil) // so that it can say why
		}
		return nil, agree.ErrKey
	}
	if !m.dials {
		return heard, writeFrame(m.c, kind, say)
	}
	return heard, nil
}

// fault is the fault of package front that an error is; empty is none.
func fault(err error) string {
	switch {
	case errors.Is(err, agree.ErrKey):
		return front.FaultKey
	case errors.Is(err, agree.ErrProtocol):
		return front.FaultProtocol
	case errors.Is(err, agree.ErrItself):
		return front.FaultItself
	}
	return ""
}
