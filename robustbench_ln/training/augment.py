"""placeholder until merge"""
def augment(images, settings): return images
