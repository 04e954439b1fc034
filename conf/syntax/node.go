package syntax

import (
	"strings"
	"sync"

	"github.com/lvs-director/director/conf"
)

// Token is one word of a line.
type Token struct {
	Text   string   // without its quotes
	Pos    conf.Pos // of the first byte, of the opening quote if quoted; of the reference if substituted
	Quoted bool
}

// Node is one line of the configuration: its keyword, its words, and the block
// that followed in braces. In a value block, such as virtual_ipaddress, each
// entry is a Node whose Keyword is the entry's first word.
type Node struct {
	Keyword Token
	Args    []Token // the other words, split at blanks and double quotes
	// Raw is the line after the keyword, verbatim but for comments and
	// substitution, for the keywords whose words are split by ShellWords.
	Raw    string
	Block  *Block  // nil when no brace followed
	Origin *Origin // nil for a line of the main file
	rawCol int32
	// Broken tells that a double quote was not closed, which has been reported.
	// Args ends before the quote, Raw has it.
	Broken bool
	// Literal tells that the words stand in the file byte for byte: nothing was
	// substituted, and no definition or loop made the line.
	Literal bool
}

// Pos is the place of the keyword.
func (n *Node) Pos() conf.Pos { return n.Keyword.Pos }

// RawPos is the place of Raw's first byte.
func (n *Node) RawPos() conf.Pos {
	p := n.Keyword.Pos
	p.Col = n.rawCol
	return p
}

// Arg gives the text of word i after the keyword, "" when there is none.
func (n *Node) Arg(i int) string {
	if i < 0 || i >= len(n.Args) {
		return ""
	}
	return n.Args[i].Text
}

// Children gives the lines of the block, nil when there is none.
func (n *Node) Children() []*Node {
	if n.Block == nil {
		return nil
	}
	return n.Block.Nodes
}

// Block is what stands between two braces.
type Block struct {
	Nodes  []*Node
	Open   conf.Pos // of the `{`
	End    conf.Pos // of the `}`, or of the end of the text when it is missing
	Closed bool     // whether there was a `}`
}

// Comment is a comment, from its `#` or `!` to the end of the line.
type Comment struct {
	Text string
	Pos  conf.Pos
}

// File is a file that was read.
type File struct {
	Name string
	Text string

	once  sync.Once
	lines []int32 // offsets of the lines' first bytes
}

// Line gives the text of line n (from 1) without its line end, "" if there is none.
func (f *File) Line(n int) string {
	f.once.Do(func() {
		f.lines = append(f.lines, 0)
		for at := 0; ; {
			i := strings.IndexByte(f.Text[at:], '\n')
			if i < 0 {
				return
			}
			at += i + 1
			f.lines = append(f.lines, int32(at))
		}
	})
	if n < 1 || n > len(f.lines) {
		return ""
	}
	text := f.Text[f.lines[n-1]:]
	if n < len(f.lines) {
		text = f.Text[f.lines[n-1] : f.lines[n]-1]
	}
	return strings.TrimSuffix(text, "\r")
}

// Tree is a parsed configuration. It is not changed after Parse and may be
// read by several goroutines.
type Tree struct {
	Nodes    []*Node   // the lines at root level, all main files and includes together
	Files    []*File   // the files read, in order, each once
	Comments []Comment // of the files, in order of reading; only with Options.KeepComments
	ConfigID string    // that the `@` conditions were compared with
	Includes bool      // a line includes files, whether there are any or not

	byName map[string]*File
}

// Line gives the physical source line of p, "" when p names none.
func (t *Tree) Line(p conf.Pos) string {
	if f := t.byName[p.File]; f != nil {
		return f.Line(int(p.Line))
	}
	return ""
}
