package fifo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/notify"
)

// maxLine is how long a line may be, in bytes: what the kernel writes to a pipe in one piece
// (PIPE_BUF).
const maxLine = 4096

// Line is a line of a FIFO.
type Line struct {
	Object string // "INSTANCE VI_1", "RS [10.0.0.2]:tcp:80 of [10.0.0.1]:tcp:80"
	Text   string // with its newline
	At     time.Time
}

// newLine is what a FIFO is told of a happening.
func newLine(h notify.Happening) Line {
	l := Line{At: h.At}
	switch h.Kind {
	case notify.Instance:
		l.Object, l.Text = "INSTANCE "+h.Name, fmt.Sprintf("INSTANCE %s %s %d\n", quoted(h.Name), h.State, h.Priority)
	case notify.Group:
		l.Object, l.Text = "GROUP "+h.Name, fmt.Sprintf("GROUP %s %s 0\n", quoted(h.Name), h.State)
	case notify.VirtualServer:
		l.Object, l.Text = "VIRTUAL_SERVER "+h.Name, fmt.Sprintf("VS %s %s\n", plain(h.Name), h.State)
	case notify.RealServer:
		l.Object = "REAL_SERVER " + h.Name + " of " + h.VirtualServer
		l.Text = fmt.Sprintf("RS %s %s %s\n", plain(h.Name), plain(h.VirtualServer), h.State)
	}
	return l
}

// quoted is a name between quotes. What would end it, or the line, is written with a backslash.
func quoted(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
		return `"` + name + `"`
	}
	return strconv.Quote(name)
}

// plain is a text that stands in a line as it is, without what would end the line.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}
