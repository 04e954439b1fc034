package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/lvs-director/director/checkers/probe/h2"
	"github.com/lvs-director/director/conf"
)

// totalFactor limits handshake, request and answer together to this many times
// connect_timeout, which limits each single step, unless total_timeout says otherwise. A
// server that sends a byte now and then fails; the check does not last for ever.
const totalFactor = 4

// totalOf limits all of a check.
func totalOf(c *conf.Checker) time.Duration {
	if c.TotalTimeout > 0 {
		return c.TotalTimeout
	}
	return totalFactor * timeoutOf(c)
}

// httpGet is HTTP_GET and SSL_GET: it requests one URL over a new connection.
func httpGet(p *Prober, t Target, done func(Result)) (cancel func()) {
	e := endpointOf(t.Checker)
	if t.Checker.HTTP == nil || t.URL < 0 || t.URL >= len(t.Checker.HTTP.URLs) {
		done(Result{Local: true, Reason: "no url is configured"})
		return func() {}
	}
	if t.Checker.HTTP.Protocol != "2" {
		t.request = request(t.Checker, &t.Checker.HTTP.URLs[t.URL])
	}
	talk := func(ctx context.Context, conn net.Conn) Result { return exchange(ctx, conn, t) }
	brief := t.Checker.Kind == conf.HTTPGet && t.Checker.HTTP.URLs[t.URL].Regex == nil // a search may take long
	return p.converse(conversation{endpoint: e, total: totalOf(t.Checker), talk: talk, brief: brief}, done)
}

// exchange requests one URL over a connection and checks the answer.
func exchange(ctx context.Context, conn net.Conn, t Target) Result {
	answer, steps, r := ask(ctx, conn, t)
	url := &t.Checker.HTTP.URLs[t.URL]
	if r.Unagreed && url.Digest == "" && url.Regex == nil {
		// It answers, and nobody asked for more.
		r.Reason += ": no page was asked for"
		r.OK, r.Local, r.Warning = true, false, r.Reason
	}
	if steps == nil {
		return r
	}
	where := prefix(t.Checker.HTTP, url)
	if !accepted(url.Statuses, answer.status) {
		return Result{Reason: fmt.Sprintf("%sstatus %d, want %s", where, answer.status, statusText(url.Statuses))}
	}
	r = answer.checkBody(answer.rest, where, url, steps.step)
	if secure, ok := steps.conn.(*tls.Conn); ok && r.OK {
		r.Warning = endsSoon(secure.ConnectionState().PeerCertificates, t.Checker.HTTP.ExpiryWarning, time.Now())
	}
	if r.Warning != "" {
		r.Reason += "; " + r.Warning
	}
	return r
}

// ask requests one URL over a connection and reads the head of the answer. The steps are nil
// when the answer is a failure.
func ask(ctx context.Context, conn net.Conn, t Target) (head, *stepReader, Result) {
	c := t.Checker
	url := &c.HTTP.URLs[t.URL]
	timeout := timeoutOf(c)
	steps := &stepReader{conn: conn, step: timeout, total: totalOf(c), end: beginning(conn).Add(totalOf(c))}
	if c.Kind == conf.SSLGet {
		secure, err := handshake(ctx, conn, steps, c, url)
		if err != nil {
			return head{}, nil, failure("TLS handshake", steps.late(err), timeout)
		}
		steps.conn = secure
	}
	where := prefix(c.HTTP, url)
	if c.HTTP.Protocol == "2" {
		answer, err := ask2(steps, c, url)
		if err != nil {
			return head{}, nil, failure(where+"answer", err, timeout)
		}
		return answer, steps, Result{}
	}
	asks := t.request
	if asks == nil {
		asks = request(c, url)
	}
	if _, err := steps.Write(asks); err != nil {
		return head{}, nil, failure(where+"request", err, timeout)
	}
	var answer head
	rest := io.Reader(steps)
	for range maxInterim {
		var err error
		if answer, err = readHead(rest); err != nil {
			return head{}, nil, failure(where+"answer", err, timeout)
		}
		if answer.rest = rest; !interim(answer.status) || accepted(url.Statuses, answer.status) {
			return answer, steps, Result{}
		}
		rest = io.MultiReader(bytes.NewReader(answer.body), steps)
	}
	return head{}, nil, Result{Reason: fmt.Sprintf("%sanswer: %d times status %d and no other", where, maxInterim,
		answer.status)}
}

// maxInterim bounds the answers before the one to the request (RFC 9110, section 15.2): 100
// Continue, 103 Early Hints.
const maxInterim = 10

// interim says whether another answer follows one with this status.
func interim(status int) bool { return status >= 100 && status < 200 && status != 101 }

// ask2 requests one URL over HTTP/2. Its body ends where HTTP/2 says, whatever its length was
// said to be.
func ask2(steps *stepReader, c *conf.Checker, url *conf.HTTPURL) (head, error) {
	conn := h2.New(steps, maxHead)
	answer, err := conn.Ask(request2(c, url))
	if err != nil {
		return head{}, err
	}
	return head{status: answer.Status, length: -1, rest: conn}, nil
}

// prefix names the URL in reasons when a checker has several.
func prefix(h *conf.HTTPCheck, url *conf.HTTPURL) string {
	if len(h.URLs) == 1 {
		return ""
	}
	return conf.MaskURL(url.Path) + ": "
}

// stepReader reads from a connection, and writes to it, with a time limit for each time and one for
// all of them.
type stepReader struct {
	conn  net.Conn
	step  time.Duration
	total time.Duration
	end   time.Time
	due   time.Time // the last deadline that next has returned
}

// next returns the deadline of a step that begins now. A replay has those of the loop.
func (r *stepReader) next() time.Time {
	if r.replayed() {
		return time.Time{}
	}
	r.due = time.Now().Add(r.step)
	if r.due.After(r.end) {
		r.due = r.end
	}
	return r.due
}

func (r *stepReader) replayed() bool {
	_, is := r.conn.(*replay)
	return is
}

// lateness is how long after a deadline this process may notice that it is over.
const lateness = 500 * time.Millisecond

// late makes a deadline that this process noticed much too late an error of this
// host: the answer may have been there, unread, for all the time.
func (r *stepReader) late(err error) error {
	if err == nil || r.replayed() {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(r.due) > lateness {
		return &localError{"wait for an answer", errLate}
	}
	return err
}

var errLate = errors.New("this process did not run for some time, the check is repeated")

func (r *stepReader) Write(b []byte) (int, error) {
	r.conn.SetWriteDeadline(r.next())
	n, err := r.conn.Write(b)
	return n, r.late(err)
}

func (r *stepReader) Read(b []byte) (int, error) {
	r.conn.SetReadDeadline(r.next())
	n, err := r.conn.Read(b)
	err = r.late(err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		// TLS without close_notify is common, and an end for keepalived too.
		err = io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(r.end):
		err = fmt.Errorf("the answer is not complete within %v (total_timeout)", r.total)
	}
	return n, err
}

// handshake makes a TLS connection. It allows versions and ciphers that browsers refuse and,
// without verify, any certificate: as with keepalived it checks whether a server answers.
func handshake(
	ctx context.Context, conn net.Conn, steps *stepReader, c *conf.Checker, url *conf.HTTPURL,
) (net.Conn, error) {
	name := c.HTTP.SNI
	if name == "" && c.HTTP.EnableSNI {
		name = withoutPort(url.VirtualHost)
	}
	shown, err := certificateOf(c.HTTP.SSL)
	if err != nil {
		return nil, err
	}
	config := anyTLS(name)
	// Whatever authorities the server names, as OpenSSL does.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	if c.HTTP.Verify {
		config.VerifyConnection = func(s tls.ConnectionState) error {
			return verifyChain(s.PeerCertificates, c, name, url.VirtualHost)
		}
	}
	if c.HTTP.Protocol == "2" {
		config.MinVersion = tls.VersionTLS12 // RFC 9113, section 9.2
		config.NextProtos = []string{"h2"}
	}
	heard := &opening{Conn: conn}
	secure, err := shakeHands(ctx, heard, steps, config)
	if word := disagreements[heard.alert()]; err != nil && word != "" && !c.HTTP.Verify && c.HTTP.Protocol != "2" {
		return nil, &localError{"the server refuses all that director offers", disagreement(word)}
	}
	if err == nil && c.HTTP.Protocol == "2" && secure.ConnectionState().NegotiatedProtocol != "h2" {
		return nil, errors.New("the server does not choose HTTP/2 (ALPN)")
	}
	return secure, err
}

// anyTLS takes any server as it is. Without a name, or with an address, no SNI is sent.
func anyTLS(name string) *tls.Config {
	return &tls.Config{
		ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, CipherSuites: allCiphers(),
	}
}

func shakeHands(ctx context.Context, conn net.Conn, steps *stepReader, config *tls.Config) (*tls.Conn, error) {
	secure := tls.Client(conn, config)
	conn.SetDeadline(steps.next())
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return secure, nil
}

// opening is a connection that keeps how the server begins to speak.
type opening struct {
	net.Conn
	said [7]byte // an alert is as long (RFC 8446, sections 5.1 and 6)
	n    int
}

func (o *opening) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	o.n += copy(o.said[o.n:], b[:n])
	return n, err
}

// alert is the number of the fatal alert with which the server has answered the ClientHello; 0 is
// that it has not.
func (o *opening) alert() byte {
	const alertRecord, versions, length, fatal = 21, 3, 2, 2
	s := o.said
	if s[0] != alertRecord || s[1] != versions || s[3] != 0 || s[4] != length || s[5] != fatal {
		return 0
	}
	return s[6]
}

// disagreements are the alerts of a server that takes no key exchange, cipher or kind of signature of
// those that are offered. crypto/tls has less of them than OpenSSL: no DHE, no RSA keys of 512
// bits, no MD5, DSA, Ed448 or P-224. That says nothing about the server.
var disagreements = map[byte]string{40: "handshake failure", 71: "insufficient security"}

// disagreement is an alert of disagreements.
type disagreement string

func (d disagreement) Error() string { return string(d) }

func allCiphers() (ids []uint16) {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, suite := range list {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}
