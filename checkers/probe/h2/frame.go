package h2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/net/http2"
)

var (
	errLongHeaders = errors.New("its headers are too long")
	errHeaders     = errors.New("its headers are too long or not valid")
	errOverhead    = errors.New("it sends frames without end that are no page")
	errClosed      = errors.New("connection closed before the end of the answer")
	errNothing     = errors.New("connection closed before any answer")
)

// next reads the next frame of our stream that has headers or a part of the body.
func (c *Conn) next() (http2.Frame, error) {
	for {
		f, err := c.frame()
		if err != nil || f != nil {
			return f, err
		}
	}
}

// frame reads a frame. It returns those of our stream that have headers or a part of the body, and
// nil for others, after it has done what they ask for.
func (c *Conn) frame() (http2.Frame, error) {
	if !c.told {
		if err := c.speaks(); err != nil {
			return nil, err
		}
	}
	f, err := c.framer.ReadFrame()
	if err != nil {
		return nil, c.explain(f, err)
	}
	if c.in.n-c.content > maxOverhead+overheadFactor*c.content {
		return nil, errOverhead
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return nil, c.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return nil, c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		return nil, c.opened(f)
	case *http2.GoAwayFrame:
		if f.LastStreamID < stream {
			return nil, fmt.Errorf("it does not take the request: GOAWAY %v %q", f.ErrCode, clip(string(f.DebugData())))
		}
	case *http2.RSTStreamFrame:
		return nil, fmt.Errorf("it resets the request: %v", f.ErrCode)
	case *http2.PushPromiseFrame:
		return nil, errors.New("it breaks HTTP/2: a push, which was not allowed")
	case *http2.MetaHeadersFrame, *http2.DataFrame:
		if id := f.Header().StreamID; id != stream {
			return nil, fmt.Errorf("it breaks HTTP/2: an answer on stream %d, which nobody asked for", id)
		}
		return f, nil
	}
	return nil, nil
}

// speaks says what is wrong with a server that does not begin as HTTP/2 does, with SETTINGS.
func (c *Conn) speaks() error {
	head, err := c.buffer.Peek(9) // of a frame
	switch {
	case len(head) > 3 && head[3] != byte(http2.FrameSettings), err == io.EOF && len(head) > 0:
		line, _, _ := bytes.Cut(head, []byte("\n"))
		if rest, _ := c.buffer.Peek(c.buffer.Buffered()); len(rest) > 0 {
			line, _, _ = bytes.Cut(rest, []byte("\n"))
		}
		return fmt.Errorf("%s is not HTTP/2", strconv.QuoteToASCII(clip(string(bytes.TrimSpace(line)))))
	case err == io.EOF:
		return errNothing
	}
	return err
}

// settings takes what a server wants, and says so.
func (c *Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	c.told = true
	if size, ok := f.Value(http2.SettingInitialWindowSize); ok {
		c.streams += int64(size) - c.initial
		c.initial = int64(size)
	}
	return c.framer.WriteSettingsAck()
}

// maxWindow is what RFC 9113 allows, section 6.9.1.
const maxWindow = 1<<31 - 1

func (c *Conn) opened(f *http2.WindowUpdateFrame) error {
	of := &c.connWindow
	if f.StreamID == stream {
		of = &c.streams
	} else if f.StreamID != 0 {
		return nil
	}
	if *of += int64(f.Increment); *of > maxWindow {
		return errors.New("it breaks HTTP/2: a window above 2^31-1")
	}
	return nil
}

// explain makes an error of reading one for people. f is what there is of the frame.
func (c *Conn) explain(f http2.Frame, err error) error {
	var stream http2.StreamError
	var conn http2.ConnectionError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed
	case errors.Is(err, http2.ErrFrameTooLarge):
		return fmt.Errorf("it breaks HTTP/2: a frame of more than %d bytes", maxFrame)
	case errors.As(err, &stream), errors.As(err, &conn):
		if detail := c.framer.ErrorDetail(); detail != nil {
			err = detail
		} else if _, ok := f.(*http2.MetaHeadersFrame); ok && conn == http2.ConnectionError(http2.ErrCodeProtocol) {
			return errHeaders // the reader of frames gave up
		}
		return fmt.Errorf("it breaks HTTP/2: %s", clip(err.Error()))
	}
	return err
}

// maxClip is how much of what a server says is told, in bytes.
const maxClip = 60

func clip(text string) string {
	if len(text) > maxClip {
		text = text[:maxClip] + "..."
	}
	return text
}
