module news

go 1.19
