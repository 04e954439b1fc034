package conf

// blocksOf tells, for each keyword, the blocks it belongs in, for those who
// wrote it in another.
var blocksOf map[string][]string

func init() {
	blocksOf = map[string][]string{}
	add := func(where string, names []string) {
		for _, name := range names {
			if len(blocksOf[name]) < 3 {
				blocksOf[name] = append(blocksOf[name], where)
			}
		}
	}
	add(rootKeywords.where(), rootKeywords.names())
	add(globalKeywords.where(), globalKeywords.names())
	add(instanceKeywords.where(), instanceKeywords.names())
	add(authKeywords.where(), authKeywords.names())
	add(groupKeywords.where(), groupKeywords.names())
	add(scriptKeywords.where(), scriptKeywords.names())
	add(serverKeywords.where(), serverKeywords.names())
	add(realKeywords.where(), realKeywords.names())
	for _, kind := range checkKinds {
		add(checkerTables[kind].where(), checkerTables[kind].names())
	}
	add(urlKeywords.where(), urlKeywords.names())
}
