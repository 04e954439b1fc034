package conf

import "strings"

func (d *Difference) fixed(before, after *Config) {
	for _, f := range []FieldChange{
		{"net_namespace", before.NetworkNamespace, after.NetworkNamespace},
		{"net_namespace_ipvs", before.IPVSNamespace, after.IPVSNamespace},
		{"instance", before.InstanceName, after.InstanceName},
	} {
		if f.Old != f.New {
			d.Fixed = append(d.Fixed, f)
		}
	}
}

// unnamed compares the blocks of the top level that have no name.
func unnamed(before, after *Config) []FieldChange {
	flat := func(c *Config) Section {
		s := Section{Sections: section(c, rootKeywords, c, nil, nil).Sections}
		s.Sections = append(s.Sections, section(c, sslBlockKeywords, &c.SSL, nil, nil))
		for i := range c.GARPGroups {
			s.Sections = append(s.Sections, section(c, garpGroupKeywords, &c.GARPGroups[i], nil, nil))
		}
		return s
	}
	return fields(flat(before), flat(after))
}

func (d *Difference) others(before, after *Config) {
	type key struct{ block, name string }
	collect := func(c *Config) (keys []key, of map[key]Section) {
		of = map[key]Section{}
		add := func(s Section) {
			k := key{s.Keyword, strings.Join(s.Words, " ")}
			keys = append(keys, k)
			of[k] = s
		}
		for _, s := range c.Scripts {
			add(section(c, scriptKeywords, s, one(s.Name), nil))
		}
		for _, f := range c.Files {
			add(section(c, fileKeywords, f, one(f.Name), nil))
		}
		for _, p := range c.Processes {
			add(section(c, processKeywords, p, one(p.Name), nil))
		}
		for _, b := range c.BFDs {
			add(section(c, bfdKeywords, b, one(b.Name), nil))
		}
		for _, g := range c.SyncGroups {
			add(section(c, groupKeywords, g, one(g.Name), nil))
		}
		for i := range c.TrackGroups {
			add(section(c, trackGroupKeywords, &c.TrackGroups[i], one(c.TrackGroups[i].Name), nil))
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
