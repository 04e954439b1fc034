package diff

import (
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
)

// Fixed are the changes that need a restart.
func Fixed(before, after *conf.Config) (list []FieldChange) {
	for _, f := range []FieldChange{
		{"net_namespace", before.NetworkNamespace, after.NetworkNamespace},
		{"net_namespace_ipvs", before.IPVSNamespace, after.IPVSNamespace},
		{"instance", before.InstanceName, after.InstanceName},
	} {
		if f.Old != f.New {
			list = append(list, f)
		}
	}
	return list
}

// unnamed compares the blocks of the top level that have no name.
func unnamed(before, after *conf.Config) []FieldChange {
	flat := func(c *conf.Config) keyword.Section {
		s := keyword.Section{Sections: keyword.Show(c, keyword.Root, c, nil, nil).Sections}
		s.Sections = append(s.Sections, keyword.Show(c, keyword.SSL, &c.SSL, nil, nil))
		for i := range c.GARPGroups {
			s.Sections = append(s.Sections, keyword.Show(c, keyword.GARPGroup, &c.GARPGroups[i], nil, nil))
		}
		return s
	}
	return fields(flat(before), flat(after))
}

// named are the blocks with a name, but for instances and virtual servers.
func named(c *conf.Config) (list []keyword.Section) {
	for _, s := range c.Scripts {
		list = append(list, keyword.Show(c, keyword.Script, s, []string{s.Name}, nil))
	}
	for _, f := range c.Files {
		list = append(list, keyword.Show(c, keyword.File, f, []string{f.Name}, nil))
	}
	for _, p := range c.Processes {
		list = append(list, keyword.Show(c, keyword.Process, p, []string{p.Name}, nil))
	}
	for _, b := range c.BFDs {
		list = append(list, keyword.Show(c, keyword.BFD, b, []string{b.Name}, nil))
	}
	for _, g := range c.SyncGroups {
		list = append(list, keyword.Show(c, keyword.Group, g, []string{g.Name}, nil))
	}
	for i := range c.TrackGroups {
		list = append(list, keyword.Show(c, keyword.TrackGroup, &c.TrackGroups[i], []string{c.TrackGroups[i].Name}, nil))
	}
	return list
}

func (d *Difference) others(before, after *conf.Config) {
	type key struct{ block, name string }
	collect := func(c *conf.Config) (keys []key, of map[key]keyword.Section) {
		of = map[key]keyword.Section{}
		for _, s := range named(c) {
			k := key{s.Keyword, strings.Join(s.Words, " ")}
			keys = append(keys, k)
			of[k] = s
		}
		return keys, of
	}
	oldKeys, olds := collect(before)
	newKeys, news := collect(after)
	for _, k := range newKeys {
		c := NamedChange{Action: Added, Block: k.block, Name: k.name}
		if old, ok := olds[k]; ok {
			c.Action = Untouched
			if c.Fields = fields(old, news[k]); len(c.Fields) > 0 {
				c.Action = Changed
			}
		}
		d.Others = append(d.Others, c)
	}
	for _, k := range oldKeys {
		if _, ok := news[k]; !ok {
			d.Others = append(d.Others, NamedChange{Action: Removed, Block: k.block, Name: k.name})
		}
	}
}
