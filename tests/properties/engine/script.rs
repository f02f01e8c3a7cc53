//! Bytes as a script: whatever is asked for is read from their front. Once they are over, all is 0.

pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// A number below this one, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The next bytes as they are, up to so many.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = most.min(self.0.len());
        self.0.split_off(..length).unwrap_or_default()
    }
}
