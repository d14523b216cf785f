module example.invalid/count

go 1.19
