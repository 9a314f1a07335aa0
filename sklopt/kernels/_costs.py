"""What the parts of the loop cost, in units of one multiply-add with streamed data.

A call of the loop is given a budget in these units, so that it ends in time for Ctrl-C.
"""

ROW = 16  # visiting a row, beside its multiply-adds
BATCH = 64  # opening and closing a mini-batch, beside its multiply-adds
PARAMETER = 4  # all that a mini-batch does with one parameter, the step included
SHUFFLE = 16  # drawing the place of a row
WAVE = 40  # sine, cosine and exponential of a wave, for one row
LINK = 40  # exponential and logarithm of a loss with a log link, for one row
TRIAL = 8  # the loss of one row at one step of a line search
