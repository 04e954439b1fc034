package value

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// Sources remembers, for each block, where it began and the keywords that were
// said in it with a good value. The key is the pointer that the Config holds;
// it does not cross processes.
type Sources map[any]*blockSource

// Place is where a block begins.
func (s Sources) Place(block any) (conf.Pos, bool) {
	b := s[block]
	if b == nil || !b.pos.IsValid() {
		return conf.Pos{}, false
	}
	return b.pos, true
}

type blockSource struct {
	Node *syntax.Node // only while the configuration is loaded
	pos  conf.Pos
	said []conf.Source
}

// Of is what is remembered of a block.
func (s Sources) Of(block any) *blockSource {
	b := s[block]
	if b == nil {
		b = &blockSource{}
		s[block] = b
	}
	return b
}

// Find is where a keyword was said with a good value.
func (b *blockSource) Find(keyword string) (conf.Source, bool) {
	if b != nil {
		for i := range b.said {
			if b.said[i].Keyword == keyword {
				return b.said[i], true
			}
		}
	}
	return conf.Source{}, false
}

// Has tells whether a keyword was said with a good value.
func (b *blockSource) Has(keyword string) bool {
	_, ok := b.Find(keyword)
	return ok
}

// Add remembers a keyword; the last place counts.
func (b *blockSource) Add(src conf.Source) {
	for i := range b.said {
		if b.said[i].Keyword == src.Keyword {
			b.said[i] = src
			return
		}
	}
	b.said = append(b.said, src)
}

// Source is where a keyword was said with a good value.
func (s Sources) Source(block any, keyword string) (conf.Source, bool) { return s[block].Find(keyword) }

// Has tells whether a keyword was said in a block with a good value.
func (s Sources) Has(block any, keyword string) bool { return s[block].Has(keyword) }

// Move gives the sources of one block to the copy that replaces it.
func (s Sources) Move(from, to any) {
	if b := s[from]; b != nil {
		s[to] = b
		delete(s, from)
	}
}

// Begin remembers where a block began.
func (l *Reader) Begin(block any, n *syntax.Node) {
	const piece = 256
	if len(l.blocks) == 0 {
		l.blocks = make([]blockSource, piece)
	}
	b := &l.blocks[0]
	l.blocks = l.blocks[1:]
	b.Node, b.pos = n, n.Pos()
	if count := len(n.Children()); count > 0 && count <= piece {
		if len(l.saids) < count {
			l.saids = make([]conf.Source, 4*piece)
		}
		b.said = l.saids[:0:count]
		l.saids = l.saids[count:]
	}
	l.Sources[block] = b
}

// Node is where a block of the Config began.
func (l *Reader) Node(block any) *syntax.Node {
	if b := l.Sources[block]; b != nil {
		return b.Node
	}
	return nil
}

// Entry remembers where an entry of a value block stood.
func (l *Reader) Entry(block any, keyword, key string, c *syntax.Node) {
	b := l.Sources.Of(block)
	b.said = append(b.said, conf.Source{Keyword: keyword + " " + key, Pos: c.Pos()})
}
