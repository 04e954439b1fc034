package probe

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lvs-director/director/conf"
)

// Page is the answer to a request, as the digest of HTTP_GET and SSL_GET is made of it.
type Page struct {
	Head   []byte // up to the empty line, with it
	Body   []byte // what the digest is of
	Digest string // MD5, 32 hexadecimal digits
	Took   time.Duration
}

// Fetch requests the first URL of a checker as its check does, whatever the status of the
// answer. Its errors are for people.
func (p *Prober) Fetch(ctx context.Context, c *conf.Checker) (Page, error) {
	began := time.Now()
	e := endpointOf(c)
	var page Page
	talk := func(ctx context.Context, conn net.Conn) Result {
		page = Page{}
		answer, steps, r := ask(ctx, conn, Target{Checker: c})
		if steps == nil {
			return r
		}
		limit := int64(maxBody + 1)
		if answer.length >= 0 {
			limit = min(limit, answer.length)
		}
		body, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(answer.body), answer.rest), limit))
		switch {
		case err != nil:
			return failure(fmt.Sprintf("body after %d bytes", len(body)), err, e.timeout)
		case len(body) > maxBody:
			return Result{Reason: fmt.Sprintf("body is longer than %d MiB: no digest", maxBody>>20)}
		}
		sum := md5.Sum(body)
		page = Page{Head: answer.text, Body: body, Digest: hex.EncodeToString(sum[:])}
		return Result{OK: true}
	}
	result := make(chan Result, 1)
	cancel := p.converse(conversation{endpoint: e, total: totalFactor * e.timeout, talk: talk},
		func(r Result) { result <- r })
	defer cancel()
	select {
	case r := <-result:
		if !r.OK {
			return Page{}, errors.New(r.Reason)
		}
		page.Took = time.Since(began)
		return page, nil
	case <-ctx.Done():
		return Page{}, context.Cause(ctx)
	}
}
