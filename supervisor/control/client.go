package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/lvs-director/director/worker"
)

// maxAnswer bounds an answer that a client reads: the status of 40,000 real
// servers takes 30 MB.
const maxAnswer = 256 << 20

// ErrNoDirector says that nobody answers at the control socket.
var ErrNoDirector = errors.New("director is not running")

// Ask sends one request, with a question unless that is nil, to a running
// director and reads its answer into result.
func Ask(d worker.RunDir, method, path string, patience time.Duration, question, result any) error {
	var asked io.Reader
	if question != nil {
		q, err := json.Marshal(question)
		if err != nil {
			return err
		}
		asked = bytes.NewReader(q)
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	client := &http.Client{
		Timeout: patience,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, "unix", d.Control())
			if errors.Is(err, os.ErrPermission) { // who may only read has a socket of his own
				if readers, failed := dialer.DialContext(ctx, "unix", d.Readers()); failed == nil {
					return readers, nil
				}
			}
			return c, err
		}},
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequest(method, "http://director"+path, asked)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w with run directory %s: start it, or name its directory with --run-dir", ErrNoDirector, d)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("asking the director with run directory %s: permission denied: run this as root "+
			"(or, to read, as a member of the group of status_socket)", d)
	case err != nil:
		return fmt.Errorf("asking the director with run directory %s: %w", d, err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(body, 4096))
		return fmt.Errorf("the director with run directory %s answers: %s", d, bytes.TrimSpace(why))
	}
	var answer bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= maxAnswer {
		answer.Grow(int(n) + bytes.MinRead)
	}
	_, err = answer.ReadFrom(body)
	if err == nil {
		err = parse(answer.Bytes(), result)
	}
	if err != nil {
		return fmt.Errorf("reading the answer of the director with run directory %s: %w", d, err)
	}
	return nil
}
