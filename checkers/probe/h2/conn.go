package h2

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// maxFrame is the longest frame that we take and send, in bytes: the default of RFC 9113,
	// section 4.2.
	maxFrame = 16 << 10
	// window is how much of a body a server may send before we take it, in bytes.
	window = 1 << 20
	// firstWindow is what each side has before it is told more (RFC 9113, section 6.9.2).
	firstWindow = 65535
	// maxOverhead is how much a server may send that is no page, in bytes; beside it are
	// overheadFactor bytes for each byte of the page.
	maxOverhead, overheadFactor = 1 << 20, 16
	// stream is the one that we use.
	stream = 1
)

// Header is a header of a request or an answer. Its name has no capitals.
type Header struct{ Name, Value string }

// Request is what is asked for.
type Request struct {
	Method, Scheme, Authority, Path string
	Headers                         []Header
	Body                            []byte
}

// Answer is what comes before the body.
type Answer struct {
	Status  int
	Headers []Header
}

// Conn is a connection of one request. Its errors are for people, and wrap those of the
// connection.
type Conn struct {
	in      *counter
	buffer  *bufio.Reader
	out     io.Writer
	framer  *http2.Framer
	content int64 // bytes of DATA

	told                bool  // the server's first SETTINGS are there
	connWindow, streams int64 // what we may send, of the connection and of the stream
	initial             int64 // SETTINGS_INITIAL_WINDOW_SIZE of the server
	taken               uint32

	early    *http2.MetaHeadersFrame // an answer that came while the body was sent
	data     []byte                  // of the present frame, not read yet
	ended    bool
	err      error
	trailers []Header
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// New is a connection over rw. maxHeaders bounds the headers of an answer, in bytes.
func New(rw io.ReadWriter, maxHeaders uint32) *Conn {
	c := &Conn{in: &counter{r: rw}, out: rw, connWindow: firstWindow, streams: firstWindow, initial: firstWindow}
	c.buffer = bufio.NewReaderSize(c.in, 4096)
	c.framer = http2.NewFramer(rw, c.buffer)
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = maxHeaders
	return c
}

// Ask sends a request and reads up to the headers of the answer. Its body is read from c.
func (c *Conn) Ask(r Request) (Answer, error) {
	if err := c.open(r); err != nil {
		return Answer{}, err
	}
	if err := c.send(r.Body); err != nil {
		return Answer{}, err
	}
	for {
		headers := c.early
		if c.early = nil; headers == nil {
			f, err := c.next()
			if err != nil {
				return Answer{}, err
			}
			var ok bool
			if headers, ok = f.(*http2.MetaHeadersFrame); !ok {
				return Answer{}, errors.New("it sends a body before the headers")
			}
		}
		a, err := answer(headers)
		if err != nil || a.Status >= 200 {
			c.ended = headers.StreamEnded()
			return a, err
		}
		if headers.StreamEnded() { // RFC 9113, section 8.1
			return Answer{}, fmt.Errorf("the answer ends with status %d", a.Status)
		}
	}
}

// open sends what a connection begins with, and the headers of the request.
func (c *Conn) open(r Request) error {
	if _, err := io.WriteString(c.out, http2.ClientPreface); err != nil {
		return err
	}
	err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: window},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: c.framer.MaxHeaderListSize})
	if err != nil {
		return err
	}
	if err := c.framer.WriteWindowUpdate(0, window-firstWindow); err != nil {
		return err
	}
	var block sink
	e := hpack.NewEncoder(&block)
	fields := []Header{{":method", r.Method}, {":scheme", r.Scheme}, {":authority", r.Authority}, {":path", r.Path}}
	for _, h := range append(fields, r.Headers...) {
		if err := e.WriteField(hpack.HeaderField{Name: h.Name, Value: h.Value}); err != nil {
			return err
		}
	}
	first := block[:min(len(block), maxFrame)]
	rest := block[len(first):]
	err = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first,
		EndStream: len(r.Body) == 0, EndHeaders: len(rest) == 0})
	for err == nil && len(rest) > 0 {
		part := rest[:min(len(rest), maxFrame)]
		rest = rest[len(part):]
		err = c.framer.WriteContinuation(stream, len(rest) == 0, part)
	}
	return err
}

// sink collects what is written.
type sink []byte

func (s *sink) Write(b []byte) (int, error) {
	*s = append(*s, b...)
	return len(b), nil
}

// send sends the body as far as the server lets us, until it answers.
func (c *Conn) send(body []byte) error {
	for len(body) > 0 {
		n := min(int64(len(body)), c.connWindow, c.streams, maxFrame)
		if c.told && n > 0 {
			c.connWindow -= n
			c.streams -= n
			if err := c.framer.WriteData(stream, n == int64(len(body)), body[:n]); err != nil {
				return err
			}
			body = body[n:]
			continue
		}
		f, err := c.frame()
		if err != nil {
			return err
		}
		if headers, ok := f.(*http2.MetaHeadersFrame); ok { // it does not want the rest
			c.early = headers
			return nil
		}
	}
	return nil
}

// answer reads the headers of an answer.
func answer(f *http2.MetaHeadersFrame) (Answer, error) {
	if f.Truncated {
		return Answer{}, errLongHeaders
	}
	text := f.PseudoValue("status")
	status, err := strconv.Atoi(text)
	if err != nil || len(text) != 3 || status < 100 {
		return Answer{}, fmt.Errorf("%q is not a status", clip(text))
	}
	return Answer{status, regular(f)}, nil
}

func regular(f *http2.MetaHeadersFrame) []Header {
	var list []Header
	for _, h := range f.RegularFields() {
		list = append(list, Header{h.Name, h.Value})
	}
	return list
}

// Read reads the body.
func (c *Conn) Read(b []byte) (int, error) {
	for len(c.data) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.ended {
			return 0, io.EOF
		}
		c.err = c.more()
	}
	n := copy(b, c.data)
	c.data = c.data[n:]
	return n, nil
}

// more reads a frame of the body.
func (c *Conn) more() error {
	f, err := c.next()
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		switch {
		case f.Truncated:
			return errLongHeaders
		case !f.StreamEnded():
			return errors.New("it sends headers within a body")
		}
		c.trailers, c.ended = regular(f), true
	case *http2.DataFrame:
		c.data, c.ended = f.Data(), f.StreamEnded()
		c.content += int64(len(c.data))
		if c.taken += f.Length; c.taken >= window/2 && !c.ended {
			if err := c.framer.WriteWindowUpdate(0, c.taken); err != nil {
				return err
			}
			if err := c.framer.WriteWindowUpdate(stream, c.taken); err != nil {
				return err
			}
			c.taken = 0
		}
	}
	return nil
}

// Trailers are the headers that followed the body, when it has been read to its end.
func (c *Conn) Trailers() []Header { return c.trailers }

// Value is the value of a header; empty when there is none.
func Value(list []Header, name string) string {
	for _, h := range list {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}
