library(testthat)
library(runstream)

test_check("runstream")
