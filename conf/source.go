package conf

import "github.com/lvs-director/director/conf/syntax"

// Source says where a value of a block came from.
type Source struct {
	Keyword string
	Pos     syntax.Pos
}

// sources remembers, for each block, where it began and the keywords that were
// said in it with a good value. The key is the pointer that the Config holds;
// it does not cross processes.
type sources map[any]*blockSource

type blockSource struct {
	node *syntax.Node // only while the configuration is loaded
	pos  syntax.Pos
	said []Source
}

func (s sources) of(block any) *blockSource {
	b := s[block]
	if b == nil {
		b = &blockSource{}
		s[block] = b
	}
	return b
}

func (b *blockSource) find(keyword string) (Source, bool) {
	if b != nil {
		for i := range b.said {
			if b.said[i].Keyword == keyword {
				return b.said[i], true
			}
		}
	}
	return Source{}, false
}

func (b *blockSource) has(keyword string) bool {
	_, ok := b.find(keyword)
	return ok
}

func (b *blockSource) add(src Source) {
	for i := range b.said {
		if b.said[i].Keyword == src.Keyword {
			b.said[i] = src
			return
		}
	}
	b.said = append(b.said, src)
}

func (s sources) find(block any, keyword string) (Source, bool) { return s[block].find(keyword) }

func (s sources) has(block any, keyword string) bool { return s[block].has(keyword) }

// move gives the sources of one block to the copy that replaces it.
func (s sources) move(from, to any) {
	if b := s[from]; b != nil {
		s[to] = b
		delete(s, from)
	}
}

// Source tells where keyword was said in block, which is a pointer into c: an
// *Instance, a *VirtualServer, a *Checker, &c.Global. It is false for defaults
// and inherited values, and for every Config that came from another process.
func (c *Config) Source(block any, keyword string) (Source, bool) {
	return c.sources.find(block, keyword)
}

// Place is where block itself begins in the files; see Source.
func (c *Config) Place(block any) (syntax.Pos, bool) {
	b := c.sources[block]
	if b == nil || !b.pos.IsValid() {
		return syntax.Pos{}, false
	}
	return b.pos, true
}

// begin remembers where a block began.
func (l *loader) begin(block any, n *syntax.Node) {
	const piece = 256
	if len(l.blocks) == 0 {
		l.blocks = make([]blockSource, piece)
	}
	b := &l.blocks[0]
	l.blocks = l.blocks[1:]
	b.node, b.pos = n, n.Pos()
	if count := len(n.Children()); count > 0 && count <= piece {
		if len(l.saids) < count {
			l.saids = make([]Source, 4*piece)
		}
		b.said = l.saids[:0:count]
		l.saids = l.saids[count:]
	}
	l.cfg.sources[block] = b
}

// node is where a block of the Config began.
func (l *loader) node(block any) *syntax.Node {
	if b := l.cfg.sources[block]; b != nil {
		return b.node
	}
	return nil
}
