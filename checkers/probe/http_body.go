package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
)

// checkBody reads the body to its end and compares its digest. The body is what
// follows the headers, up to Content-Length bytes, otherwise to the end of the
// connection. Chunks are not joined without dechunk: keepalived's digests are made that way.
func (h head) checkBody(r io.Reader, where string, url *conf.HTTPURL, timeout time.Duration) Result {
	var n int64
	var matched bool
	var patternErr error
	var sum [md5.Size]byte
	if whole, ok := h.whole(url); ok {
		n, sum = int64(len(whole)), md5.Sum(whole)
	} else {
		body := io.MultiReader(bytes.NewReader(h.body), r)
		limit := int64(maxBody + 1)
		switch {
		case url.Method == "HEAD": // an answer to it has no body (RFC 9110, section 9.3.2)
			body, h.length = bytes.NewReader(nil), -1
		case url.Dechunk && h.chunks:
			body, h.length = httputil.NewChunkedReader(body), -1
		case h.length >= 0:
			limit = min(h.length, limit)
		}
		digest := md5.New()
		counted := &counter{r: io.TeeReader(io.LimitReader(body, limit), digest)}
		matched, patternErr = search(url.Regex, counted)
		_, err := io.Copy(io.Discard, counted)
		n = counted.n
		if err = cmp.Or(counted.err, err); err != nil {
			return failure(fmt.Sprintf("%sstatus %d, body after %d bytes", where, h.status, n), err, timeout)
		}
		digest.Sum(sum[:0])
	}
	ok := where + "status " + strconv.Itoa(h.status)
	if url.Regex != nil {
		switch {
		case patternErr != nil:
			return Result{Local: true, Reason: fmt.Sprintf("%sregex: %v", where, patternErr)}
		case matched == url.Regex.NoMatch && matched:
			return Result{Reason: fmt.Sprintf("%sstatus %d, regex_no_match is in the page", where, h.status)}
		case matched == url.Regex.NoMatch:
			return Result{Reason: fmt.Sprintf("%sstatus %d, regex is not in the page (%d bytes)", where, h.status, n)}
		}
		ok += ", regex as configured"
	}
	if url.Digest == "" {
		return Result{OK: true, Reason: ok}
	}
	if n > maxBody {
		return Result{Reason: fmt.Sprintf("%sbody is longer than %d MiB: no digest", where, maxBody>>20)}
	}
	got := hex.EncodeToString(sum[:])
	if strings.EqualFold(got, url.Digest) {
		return Result{OK: true, Reason: ok + ", digest as configured"}
	}
	reason := fmt.Sprintf("%sdigest %s, want %s", where, got, url.Digest)
	if n < h.length {
		reason += fmt.Sprintf(" (%d of %d bytes received)", n, h.length)
	}
	return Result{Reason: reason}
}

// whole is the body, when all of it came with the head and nothing is looked for in it.
func (h head) whole(url *conf.HTTPURL) (body []byte, ok bool) {
	if url.Method == "HEAD" || url.Regex != nil || url.Dechunk && h.chunks || h.length < 0 ||
		int64(len(h.body)) < h.length {
		return nil, false
	}
	return h.body[:h.length], true
}

// counter counts what is read, and keeps an error that is no end.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// search says whether a pattern is in a page, between its offsets. It reads no further
// than it has to.
func search(r *conf.Regex, page io.Reader) (bool, error) {
	if r == nil {
		return false, nil
	}
	pattern, err := r.Compile()
	if err != nil {
		return false, err
	}
	if _, err := io.CopyN(io.Discard, page, int64(r.MinOffset)); err != nil {
		return false, nil // the page is shorter
	}
	if r.MaxOffset > 0 {
		page = io.LimitReader(page, int64(max(r.MaxOffset-r.MinOffset, 0)))
	}
	return pattern.MatchReader(bufio.NewReader(page)), nil
}
