package front

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Action is what a front may ask for beside the status, when the settings permit it. The supervisor
// believes nothing of it: it looks at the settings and the bounds again.
type Action string

// The actions. Their bodies are the questions of the control socket (supervisor/control).
const (
	Override Action = "override"  // an OverrideRequest
	HandOver Action = "handover"  // a HandoverRequest
	Resume   Action = "resume"    // a HandoverRequest
	Reload   Action = "reload"    // a ReloadRequest
	SendGARP Action = "send_garp" // {"instance": NAME}
	// History changes nothing: it is the question of the page for the last results of the checks of a real
	// server, an AboutServer.
	History Action = "history"
)

// AboutServer is the body of a History.
type AboutServer struct {
	VirtualServer string `json:"virtual_server"`
	RealServer    string `json:"real_server"`
}

// Way is by which of the things that a front serves somebody asks.
type Way string

// The ways.
const (
	ByWeb  Way = "web page"
	ByDBus Way = "D-Bus"
)

// Request asks for an action.
type Request struct {
	ID     uint32          `json:"id"` // the front's, for the answer
	Action Action          `json:"action"`
	Way    Way             `json:"way"`
	Who    string          `json:"who"` // who asked, as the front knows it: an address, a user's number
	Body   json.RawMessage `json:"body,omitempty"`
	// Token is what who asked by the web page has shown. The supervisor compares it again.
	Token string `json:"token,omitempty"`
}

// Answer is what became of a Request.
type Answer struct {
	ID    uint32          `json:"id"`
	Body  json.RawMessage `json:"body,omitempty"`
	Error string          `json:"error,omitempty"` // for people; empty when it was done
}

// Limits of requests: of those under way, and of those that begin in a second.
const (
	MaxRequests = 4
	MaxRate     = 2
	// MaxHistories bounds those for a History, of both, which so leave room for others.
	MaxHistories = 2
)

// Clean is the request as somebody may see it who does not trust the front.
func (r Request) Clean() Request {
	r.Who = clean(r.Who, 100)
	return r
}

// clean is at most so many bytes of a text, without what a terminal or a log would obey.
func clean(text string, longest int) string {
	text = strings.ToValidUTF8(text[:min(len(text), longest)], "")
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, text)
}
